//! Parts of forms.

use leptos::prelude::*;

/// A labelled text field with a hint.
#[component]
pub(in super::super) fn Field(
    /// What it is called.
    label: &'static str,
    /// Its name in the form.
    name: &'static str,
    /// "text" or "password".
    #[prop(default = "text")]
    kind: &'static str,
    /// What the browser may fill it with.
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// What stands below it.
    #[prop(optional, into)]
    hint: Option<String>,
    /// What stands in it.
    #[prop(optional, into)]
    value: String,
    /// Must it be filled?
    #[prop(default = true)]
    required: bool,
    /// Is it where one begins to type?
    #[prop(optional)]
    autofocus: bool,
    /// The id of a list of what may stand in it.
    #[prop(optional)]
    list: Option<&'static str>,
) -> impl IntoView {
    let hint_id = format!("{name}-hint");
    let described_by = hint.as_ref().map(|_| hint_id.clone());
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <input
                id=name
                name=name
                type=kind
                dir="auto"
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                aria-describedby=described_by
                required=required
                autofocus=autofocus
                list=list
                value=value
            />
            {hint.map(|hint| view! { <p class="hint" id=hint_id>{hint}</p> })}
        </div>
    }
}

/// Why a form was refused.
#[component]
pub(in super::super) fn FormError(
    /// In words; nothing is shown for none.
    error: String,
    /// Is the form one of several on its page? Then it is brought into sight, with the focus.
    #[prop(optional)]
    of_several: bool,
) -> impl IntoView {
    (!error.is_empty()).then(|| {
        view! {
            <p class="form-error" role="alert" tabindex=of_several.then_some("-1") autofocus=of_several>
                {error}
            </p>
        }
    })
}
