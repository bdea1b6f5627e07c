//! What the control endpoint takes, as JSON Schemas: for the page about it, and for whoever asks it.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::{Raise, Tamper};

/// The JSON Schema of `POST /_sandbox/tamper`: under `oneOf` an object for each verb of [`Tamper`], with its description,
/// its arguments under `properties`, and under `required` those that cannot be left out.
pub fn tamper_schema() -> Value {
    schema_of::<Tamper>()
}

/// The JSON Schema of `POST /_sandbox/raise`: that of [`Raise`].
pub fn raise_schema() -> Value {
    schema_of::<Raise>()
}

fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}
