//! Compiles the protobuf files with protox, so that no `protoc` is needed on the machine.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

const PROTO: [&str; 7] = [
    "proto/echo.proto",
    "proto/pingpong.proto",
    "proto/natter/v1/browser.proto",
    "proto/natter/v1/event.proto",
    "proto/natter/v1/command.proto",
    "proto/natter/v1/page.proto",
    "proto/natter/v1/store.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(PROTO, ["proto"])?;
    let schemas = schemas(&descriptors);
    prost_build::Config::new()
        .enable_type_names()
        .compile_fds(descriptors)?;
    let out = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&out).join("schemas.rs"), schemas)?;
    Ok(())
}

/// Each message's full name and its definition in one line, sorted by name: what the services tell
/// of themselves.
fn schemas(files: &FileDescriptorSet) -> String {
    let mut schemas = BTreeMap::new();
    for file in &files.file {
        for message in &file.message_type {
            let name = format!("{}.{}", file.package(), message.name());
            schemas.insert(name, definition(message));
        }
    }
    let schemas: Vec<_> = schemas.into_iter().collect();
    format!(
        "/// Full names and definitions, sorted by name.\n\
         static SCHEMAS: [(&str, &str); {}] = {schemas:?};\n",
        schemas.len()
    )
}

fn definition(message: &DescriptorProto) -> String {
    let fields = message.field.iter().map(field).collect::<String>();
    format!("message {} {{{fields} }}", message.name())
}

fn field(field: &FieldDescriptorProto) -> String {
    let label = match field.label() {
        Label::Repeated => "repeated ",
        _ if field.proto3_optional() => "optional ",
        _ => "",
    };
    let kind = match field.r#type() {
        Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_owned(),
        scalar => scalar
            .as_str_name()
            .trim_start_matches("TYPE_")
            .to_lowercase(),
    };
    format!(" {label}{kind} {} = {};", field.name(), field.number())
}
