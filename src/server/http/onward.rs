//! Where people go on to when they have signed in: the page that they asked for, which travels as `next`
//! through the ways in. Every redirect to a way in, and from there on, is made here.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};

use crate::domain::{NEXT, OwnPath, with_next};

/// The page that is asked for in a query as the next one.
pub(super) struct Next(pub String);

impl<S: Sync> FromRequestParts<S> for Next {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(next_in(&parts.uri)))
    }
}

/// The first one counts. What is no page of this site is as good as nothing.
fn next_in(uri: &Uri) -> String {
    let fields = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let mut fields = fields
        .map(|Query(fields)| fields)
        .unwrap_or_default()
        .into_iter();
    let next = fields.find(|(name, _)| name == NEXT);
    next.map(|(_, value)| own(&value)).unwrap_or_default()
}

/// The path, if it is a page of this site; otherwise empty.
pub(super) fn own(next: &str) -> String {
    OwnPath::parse(next).map_or_else(String::new, |next| next.as_str().to_owned())
}

/// Where somebody lands who has signed in and asked for this.
pub(super) fn landing(next: &str) -> String {
    OwnPath::parse(next).map_or_else(|| "/".to_owned(), |next| next.as_str().to_owned())
}

/// To where one signs in, and from there back to what was asked for. A form stands at the address of its
/// page.
pub(super) fn to_sign_in(address: &str, method: &Method, uri: &Uri) -> Response {
    let asked = match (method, uri.path_and_query()) {
        (&Method::GET | &Method::HEAD, Some(asked)) => asked.as_str(),
        _ => uri.path(),
    };
    Redirect::to(&with_next(address, asked)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_of_this_site_is_taken_from_a_query() {
        let next_in = |query: &str| next_in(&format!("/login?{query}").parse().unwrap());
        assert_eq!(next_in("why=ended&next=%2Fr%2Fx"), "/r/x");
        assert_eq!(next_in("next=%2Fr%2Fx&next=//evil.example"), "/r/x");
        for query in [
            "",
            "next",
            "next=//evil.example",
            "next=%2F%5Cevil.example",
            "next=%2F%09/x",
        ] {
            assert_eq!(next_in(query), "", "{query}");
        }
        assert_eq!(landing("//evil.example"), "/");
    }
}
