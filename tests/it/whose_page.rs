//! Each form on a signed-in page names the person that the page was made for.

use natter::app::PAGE_OF;
use natter::server::addresses;
use natter::wire::v1::RoomKind;

use crate::pictures;
use crate::support::{Natter, PASSWORD, Person, stranger};

/// The forms of a page that change something.
fn forms_in(page: &str) -> Vec<&str> {
    let forms = page.split("<form").skip(1);
    let forms = forms.filter_map(|rest| rest.split_once("</form>"));
    let posts = forms.filter(|(form, _)| form.contains("method=\"post\""));
    posts.map(|(form, _)| form).collect()
}

/// The fields of a form that people type texts into.
fn texts_in(form: &str) -> Vec<&str> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let tags = form.split('<').filter_map(|rest| rest.split_once('>'));
    let tags = tags.map(|(tag, _)| tag);
    let is_typed = |tag: &&str| {
        let is_text = attribute(tag, "type").is_some_and(|kind| kind == "text");
        tag.starts_with("textarea") || (tag.starts_with("input") && is_text)
    };
    // What the browser's password manager reads is there for nobody else.
    let typed = tags.filter(is_typed).filter(|tag| !tag.contains(" hidden"));
    typed
        .filter_map(|tag| tag.split_once(" name=\"")?.1.split('"').next())
        .collect()
}

/// Everything that is typed into a form comes back when the form is on somebody else's page.
async fn gives_texts_back(natter: &Natter, signed_in: &Person, action: &str, form: &str) -> usize {
    let names = texts_in(form);
    if names.is_empty() {
        return 0;
    }
    let values: Vec<_> = names.iter().map(|name| format!("my {name}")).collect();
    let mut fields = vec![(PAGE_OF, "ada")];
    fields.extend(names.iter().copied().zip(values.iter().map(String::as_str)));
    let request = stranger().post(natter.url(action)).form(&fields);
    let refused = request.header("cookie", &signed_in.cookie).send().await;
    let refused = refused.unwrap();
    assert_eq!(refused.status(), 409, "{action}");
    let page = refused.text().await.unwrap();
    for value in &values {
        assert!(page.contains(value), "{action}: {value} is lost: {page}");
    }
    names.len()
}

#[tokio::test]
async fn every_form_of_every_page_says_whose_page_it_is_and_its_texts_come_back() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let client = ben.connect().await;
    let bens = ben.make_room(&client, RoomKind::Open, "Bens").await;
    let client = ada.connect().await;
    let own = ada.make_room(&client, RoomKind::Closed, "Own").await;
    ada.invite(&client, &own, &["ben"]).await;
    ada.invitation("member", "").await;
    pictures::upload(&natter, &ada, [1, 2, 3]).await;
    let form = [("username", "ada"), ("password", PASSWORD)];
    let elsewhere = stranger().post(natter.url("/login"));
    elsewhere.form(&form).send().await.unwrap();

    let field = format!("<input type=\"hidden\" name=\"{PAGE_OF}\" value=\"ada\"");
    let (mut seen, mut texts) = (0, 0);
    let mut sent_to = std::collections::BTreeSet::new();
    for address in addresses().into_iter().filter(|one| one.is_read) {
        for room in [&own, &bens, "general"] {
            let path = address.path.replace("{room}", room);
            // Not pages of somebody who is signed in.
            if path.contains('{') || path == "/nats" {
                continue;
            }
            let page = ada.page(&path).await;
            for form in forms_in(&page) {
                assert!(form.contains(&field), "{path}: {form}");
                seen += 1;
                let (_, action) = form.split_once("action=\"").unwrap();
                let action = action.split('"').next().unwrap();
                texts += gives_texts_back(&natter, &ben, action, form).await;
                sent_to.insert(action.replace(room, "{room}"));
            }
        }
    }
    assert!(seen > 30 && texts > 10, "only {seen} forms, {texts} texts");
    // Each form that the table knows was seen on some page.
    for address in addresses().into_iter().filter(|one| one.needs_session) {
        let is_function = address.path.starts_with("/api/");
        assert!(
            is_function || sent_to.contains(&address.path),
            "{}",
            address.path
        );
    }
}

/// What no test comes to see (an identity to be confirmed, an archived room) has the field too.
#[test]
fn every_form_in_the_source_has_the_field() {
    const PUBLIC: [&str; 4] = ["sign_in.rs", "sign_up.rs", "sign_up_oidc.rs", "reset.rs"];
    let app = concat!(env!("CARGO_MANIFEST_DIR"), "/src/app");
    let mut forms = 0;
    for folder in ["pages", "components"] {
        for file in std::fs::read_dir(format!("{app}/{folder}")).unwrap() {
            let file = file.unwrap();
            if PUBLIC.contains(&file.file_name().to_str().unwrap()) {
                continue;
            }
            let source = std::fs::read_to_string(file.path()).unwrap();
            let of = source.matches("method=\"post\"").count();
            let with = source.matches("<PageOf />").count();
            assert_eq!(of, with, "{:?}: a form without <PageOf />", file.path());
            forms += of;
        }
    }
    assert!(forms > 10, "only {forms} forms");
}

#[tokio::test]
async fn two_natters_on_one_host_do_not_sign_each_other_out() {
    let (one, other) = tokio::join!(Natter::start(), Natter::start());
    // A browser keeps cookies by host, whatever the port.
    let browser = stranger();
    let form = [
        ("username", "ada"),
        ("display_name", ""),
        ("password", PASSWORD),
    ];
    let post = async |natter: &Natter, path: &str, form: &[(&str, &str)]| {
        let request = browser.post(natter.url(path)).form(form);
        assert_eq!(request.send().await.unwrap().status(), 303, "{path}");
    };
    let holds = async |natter: &Natter| {
        let asked = browser.get(natter.url("/session")).send().await;
        asked.unwrap().status() == 204
    };
    post(&one, "/signup", &form).await;
    post(&other, "/signup", &form).await;
    assert!(holds(&one).await && holds(&other).await);
    post(&other, "/logout", &[(PAGE_OF, "ada")]).await;
    assert!(holds(&one).await && !holds(&other).await);

    // A session is good at every natter of one NATS.
    let beside = one.start_beside().await;
    assert_eq!(beside.server.session_cookie(), one.server.session_cookie());
    assert!(holds(&beside).await);
}

#[tokio::test]
async fn the_session_says_whose_it_is() {
    let natter = Natter::start().await;
    let ada = Person::sign_up(&natter, "ada").await;
    assert_eq!(ada.get("/session").await.headers()["natter-user"], "ada");
    let nobody = stranger().get(natter.url("/session")).send().await.unwrap();
    assert!(!nobody.headers().contains_key("natter-user"));
}
