//! What somebody typed into a form, read before the form's own handler reads it: to know whose page
//! the form stands on, and to give the texts back when the form is refused.

use axum::body::{Body, Bytes};
use axum::extract::{Form, FromRequest as _, Multipart, Request};
use axum::http::header;
use axum::http::request::Parts;

use crate::app::{PAGE_OF, words};

/// The fields that people type texts into, and what they are called. A field that is not here is not
/// shown again: it is a choice, a key, or a password.
const TEXTS: [(&str, &str); 9] = [
    ("text", "Your message"),
    ("name", words::ROOM_NAME),
    ("topic", words::TOPIC),
    ("display_name", words::DISPLAY_NAME),
    ("about", words::ABOUT_YOU),
    ("time_zone", words::TIME_ZONE),
    ("uids", words::USERNAMES),
    ("rooms", words::ROOMS),
    ("days", words::DAYS),
];

/// Fields that are never written into a page.
const SECRETS: [&str; 3] = ["password", "new_password", "setup_token"];

/// A field that is longer is none of those above.
const FIELD_BYTES: usize = 128 * 1_024;

/// More than any multipart form has.
const FIELDS: usize = 32;

/// The fields of a form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Typed(Vec<(String, String)>);

impl Typed {
    /// A form with these fields.
    pub(super) fn of<const N: usize>(fields: [(&str, &str); N]) -> Self {
        Self(fields.map(|(n, v)| (n.to_owned(), v.to_owned())).into())
    }

    /// Reads the fields of a form, URL-encoded or multipart. What is neither has none.
    pub(super) async fn read(parts: &Parts, body: &Bytes) -> Self {
        let kind = parts.headers.get(header::CONTENT_TYPE);
        let kind = kind
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default()
            .to_ascii_lowercase();
        let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
        if kind.starts_with("multipart/form-data") {
            return Self(multipart(request).await);
        }
        let fields = Form::from_request(request, &()).await;
        Self(fields.map(|Form(fields)| fields).unwrap_or_default())
    }

    /// Whose page it was sent from, as the page says.
    pub(super) fn page_of(&self) -> Option<&str> {
        self.get(PAGE_OF)
    }

    /// The texts, with what they are called.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&'static str, &str, &str)> {
        TEXTS.into_iter().filter_map(|(name, label)| {
            let text = self.get(name).filter(|text| !text.is_empty())?;
            Some((name, label, text))
        })
    }

    /// The other fields, as a form that is sent again has them.
    pub(super) fn hidden(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        fields.filter(|(name, value)| {
            let is_text = TEXTS.iter().any(|(text, _)| text == name) && !value.is_empty();
            !is_text && !SECRETS.contains(name)
        })
    }

    /// Can it be sent again as it is? What holds a password is typed anew.
    pub(super) fn is_whole(&self) -> bool {
        let names = self.0.iter().map(|(name, _)| name.as_str());
        names.filter(|name| SECRETS.contains(name)).count() == 0
    }

    fn get(&self, wanted: &str) -> Option<&str> {
        let field = self.0.iter().find(|(name, _)| name == wanted);
        field.map(|(_, value)| value.as_str())
    }
}

/// Its first short fields, up to where it is cut off.
async fn multipart(request: Request) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let Ok(mut form) = Multipart::from_request(request, &()).await else {
        return fields;
    };
    while fields.len() < FIELDS
        && let Ok(Some(field)) = form.next_field().await
    {
        let name = field.name().unwrap_or_default().to_owned();
        if field.file_name().is_some() {
            continue;
        }
        match field.text().await {
            Ok(text) if text.len() <= FIELD_BYTES => fields.push((name, text)),
            _ => break,
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_given_back_and_passwords_are_not() {
        let typed = Typed::of([
            ("of", "password"),
            ("about", "me"),
            ("topic", ""),
            ("new_password", "secret"),
        ]);
        let texts: Vec<_> = typed.texts().map(|(name, _, text)| (name, text)).collect();
        assert_eq!(texts, [("about", "me")]);
        let hidden: Vec<_> = typed.hidden().collect();
        assert_eq!(hidden, [("of", "password"), ("topic", "")]);
        assert!(!typed.is_whole());
    }
}
