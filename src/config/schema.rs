//! JSON Schemas of the two files, for editors.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use super::raw::{RawBaseline, RawProfiles};

/// The JSON Schema of `profiles.toml`, as text.
pub fn profiles_schema() -> String {
    schema_of::<RawProfiles>()
}

/// The JSON Schema of `baseline.toml`, as text.
pub fn baseline_schema() -> String {
    schema_of::<RawBaseline>()
}

fn schema_of<T: JsonSchema>() -> String {
    // Draft 7 is what editors' TOML extensions know.
    let settings = SchemaSettings::draft07().with_transform(ForEditors);
    let schema = settings.into_generator().into_root_schema_for::<T>();
    format!("{:#}\n", schema.to_value())
}

/// TOML has no null: a key that may be left out is left out.
///
/// Descriptions become one line each.
#[derive(Debug, Clone)]
struct ForEditors;

impl Transform for ForEditors {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(object) = schema.as_object_mut() {
            if let Some(Value::String(text)) = object.get_mut("description") {
                // Where a line of the source ends says nothing to an editor.
                *text = text.replace('\n', " ");
            }
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|one| one != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    object.insert("type".to_owned(), one);
                }
            }
            if let Some(Value::Array(any)) = object.get_mut("anyOf") {
                any.retain(|one| one.get("type").is_none_or(|t| t != "null"));
                if let [one] = any.as_slice() {
                    let one = one.clone();
                    object.remove("anyOf");
                    object.insert("allOf".to_owned(), Value::Array(vec![one]));
                }
            }
        }
        transform_subschemas(self, schema);
    }
}
