//! /settings/account: what others see of a person, and how they sign in. /settings/picture is the
//! same: a picture that was refused stays there.

use leptos::prelude::*;

use crate::app::clock;
use crate::app::components::{Act, Avatar, Field, FormError, Moment, PageOf, Pane, with_names};
use crate::app::first_page::FirstPage;
use crate::app::state::Chat;
use crate::app::words;
use crate::domain::Timestamp;
use crate::wire::v1;

/// The page.
#[component]
pub(in super::super) fn Account() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let typed = expect_context::<FirstPage>().form();
    let me = chat.me.get_value();
    let error_of = |of: &str| {
        if typed.of == of {
            typed.error.clone()
        } else {
            String::new()
        }
    };
    let (profile_error, password_error) = (error_of("profile"), error_of("password"));
    let picture_error = error_of("picture");
    let shown = if typed.of == "profile" {
        v1::Person {
            display_name: typed.display_name.clone(),
            about: typed.about.clone(),
            time_zone: typed.time_zone.clone(),
            ..me.clone()
        }
    } else {
        me.clone()
    };
    let first = expect_context::<FirstPage>();
    let has_password = first.with(|page| page.has_password);
    let elsewhere_error = ["connect", "disconnect"].map(error_of).concat();
    view! {
        <Pane title=words::YOUR_ACCOUNT back="/settings">
            <p>{with_names(&words::signed_in_as(&me.display_name, &me.uid))}</p>
            <Picture me=me.clone() error=picture_error />
            <form method="post" action="/settings/account">
                <PageOf />
                <FormError error=profile_error of_several=true />
                <input type="hidden" name="of" value="profile" />
                <Field
                    label=words::DISPLAY_NAME
                    name="display_name"
                    autocomplete="name"
                    hint=words::DISPLAY_NAME_HINT
                    value=shown.display_name
                />
                <Field
                    label=words::ABOUT_YOU
                    name="about"
                    hint=words::ABOUT_HINT
                    value=shown.about
                    required=false
                />
                <Field
                    label=words::TIME_ZONE
                    name="time_zone"
                    hint=words::TIME_ZONE_HINT
                    value=shown.time_zone
                    required=false
                    list="zones"
                />
                <datalist id="zones">
                    {move || {
                        let zones = clock::zone_names().into_iter();
                        zones.map(|zone| view! { <option value=zone></option> }).collect_view()
                    }}
                </datalist>
                <button class="primary">{words::SAVE}</button>
            </form>
            <Elsewhere error=elsewhere_error />
            <h2>{words::CHANGE_PASSWORD}</h2>
            {if has_password {
                view! { <ChangePassword uid=me.uid error=password_error /> }.into_any()
            } else {
                view! {
                    <FormError error=password_error of_several=true />
                    <p>{words::NO_PASSWORD}</p>
                }
                    .into_any()
            }}
        </Pane>
    }
}

/// The picture, another one for it, and none.
#[component]
fn Picture(me: v1::Person, error: String) -> impl IntoView {
    const ACTION: &str = "/settings/picture";
    const KIND: &str = "multipart/form-data";
    let has_one = !me.picture.is_empty();
    let (name, picture) = (me.display_name, me.picture);
    view! {
        <h2>{words::PICTURE}</h2>
        <div class="own-picture">
            <Avatar
                uid=me.uid
                name=Signal::stored(name)
                picture=Signal::stored(picture)
                large=true
            />
            <div class="forms">
            <form method="post" action=ACTION enctype=KIND>
                <PageOf />
                <FormError error of_several=true />
                <input type="hidden" name="of" value="upload" />
                <div class="field">
                    <label for="picture">{words::CHOOSE_PICTURE}</label>
                    <input
                        id="picture"
                        name="picture"
                        type="file"
                        accept="image/png,image/jpeg,image/webp"
                        aria-describedby="picture-hint"
                        required
                    />
                    <p class="hint" id="picture-hint">
                        {words::PICTURE_HINT}
                    </p>
                </div>
                <button class="secondary">{words::UPLOAD_PICTURE}</button>
            </form>
            {has_one
                .then(|| {
                    view! {
                        <form method="post" action=ACTION enctype=KIND>
                            <PageOf />
                            <input type="hidden" name="of" value="remove" />
                            <button class="secondary">{words::REMOVE_PICTURE}</button>
                        </form>
                    }
                })}
            </div>
        </div>
        <h2>{words::PROFILE}</h2>
    }
}

#[component]
fn ChangePassword(uid: String, error: String) -> impl IntoView {
    view! {
        <form method="post" action="/settings/account">
            <PageOf />
            <FormError error of_several=true />
            <input type="hidden" name="of" value="password" />
            <input
                type="text"
                name="username"
                autocomplete="username"
                value=uid
                hidden
                readonly
            />
            <Field
                label=words::PASSWORD_NOW
                name="password"
                kind="password"
                autocomplete="current-password"
            />
            <Field
                label=words::NEW_PASSWORD
                name="new_password"
                kind="password"
                autocomplete="new-password"
                hint=words::PASSWORD_HINT
            />
            <p class="hint">{words::CHANGE_PASSWORD_HELP}</p>
            <button class="secondary">{words::CHANGE_PASSWORD}</button>
        </form>
    }
}

/// The identities that the person may sign in with, and one to be confirmed.
#[component]
fn Elsewhere(error: String) -> impl IntoView {
    let first = expect_context::<FirstPage>();
    let (label, proven_as, identities) = first.with(|page| {
        let (label, proven_as) = (page.oidc_label.clone(), page.proven_as.clone());
        (label, proven_as, page.identities.clone())
    });
    if label.is_empty() && identities.is_empty() {
        return ().into_any();
    }
    let has_password = first.with(|page| page.has_password);
    let can_connect = proven_as.is_empty() && first.with(|page| page.can_connect);
    let connect = words::connect_with(&label);
    view! {
        <h2>{words::OTHER_SIGN_IN}</h2>
        <FormError error of_several=true />
        {(!proven_as.is_empty())
            .then(|| {
                view! {
                    <form method="post" action="/settings/account">
                        <PageOf />
                        <input type="hidden" name="of" value="connect" />
                        <p>{words::confirm_identity(&label, &proven_as)}</p>
                        {has_password
                            .then(|| {
                                view! {
                                    <Field
                                        label=words::YOUR_PASSWORD
                                        name="confirm_password"
                                        kind="password"
                                        autocomplete="current-password"
                                        hint=words::YOUR_PASSWORD_HINT
                                    />
                                }
                            })}
                        <button class="primary">{words::CONNECT}</button>
                    </form>
                }
            })}
        {(!identities.is_empty())
            .then(|| {
                view! {
                    <p>{words::OTHER_SIGN_IN_HELP}</p>
                    <ul class="lines">
                        {identities
                            .into_iter()
                            .map(|identity| view! { <Connected identity /> })
                            .collect_view()}
                    </ul>
                }
            })}
        {can_connect
            .then(|| {
                view! {
                    <p>
                        <a class="button secondary" href="/login/oidc?connect" rel="external">
                            {connect}
                        </a>
                    </p>
                }
            })}
    }
    .into_any()
}

#[component]
fn Connected(identity: v1::Identity) -> impl IntoView {
    let issuer = words::issuer(&identity.issuer);
    let (name, label) = (issuer.clone(), issuer.clone());
    let fields = vec![("of", "disconnect".to_owned()), ("identity", identity.id)];
    view! {
        <li class="line" aria-label=label>
            <div class="line-text">
                <b>{issuer}</b>
                <p class="hint">
                    {words::SINCE} " " <Moment at=Timestamp(identity.connected_at_ms) />
                </p>
                <p class="hint">{words::DISCONNECT_ENDS}</p>
            </div>
            <div class="line-actions">
                <Act
                    action="/settings/account".into()
                    fields
                    label=words::DISCONNECT
                    about=name
                />
            </div>
        </li>
    }
}
