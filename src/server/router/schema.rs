//! The protobuf messages as text, for who has no `.proto` files at hand.

include!(concat!(env!("OUT_DIR"), "/schemas.rs"));

/// The definition of a message by its full name.
pub(super) fn schema_of(full_name: &str) -> Option<&'static str> {
    let at = SCHEMAS.binary_search_by_key(&full_name, |(name, _)| name);
    at.ok().map(|at| SCHEMAS[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_as_its_file_has_it() {
        assert_eq!(
            schema_of("echo.EchoRequest"),
            Some("message EchoRequest { string message = 1; }")
        );
        assert_eq!(
            schema_of("natter.v1.RoomListing"),
            Some(
                "message RoomListing { natter.v1.Room room = 1; \
                 uint32 members = 2; bool joined = 3; }"
            )
        );
        assert_eq!(schema_of("echo.Nothing"), None);
    }
}
