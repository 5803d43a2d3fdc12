//! Compiles the protobuf files with protox, so that no `protoc` is needed on the machine.

use std::error::Error;

const PROTO: [&str; 6] = [
    "proto/echo.proto",
    "proto/pingpong.proto",
    "proto/natter/v1/event.proto",
    "proto/natter/v1/command.proto",
    "proto/natter/v1/page.proto",
    "proto/natter/v1/store.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(PROTO, ["proto"])?;
    prost_build::Config::new()
        .enable_type_names()
        .compile_fds(descriptors)?;
    Ok(())
}
