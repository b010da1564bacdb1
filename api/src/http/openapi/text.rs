//! Says of every text that the server reads what [`crate::http::validate::text`] accepts.

use super::operations;
use utoipa::openapi::{
    OpenApi, RefOr,
    path::{Operation, ParameterIn},
    schema::{AdditionalProperties, Object, Schema, SchemaType, Type},
};

/// No control characters but line breaks and tabs.
const TEXT: &str = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$";
/// The same, with something that shows.
const TEXT_THAT_SHOWS: &str = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$";

/// Gives a pattern to each text in a body or a query that says nothing narrower of itself.
pub fn describe(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    for schema in components.schemas.values_mut() {
        if let RefOr::T(Schema::Object(object)) = schema
            && is_strict(object)
        {
            object.properties.values_mut().for_each(describe_schema);
        }
    }
    let items = document.paths.paths.values_mut();
    for (_, operation) in items.flat_map(operations) {
        describe_parameters(operation);
    }
}

/// What the server reads refuses unknown fields; what it writes says nothing of them.
fn is_strict(object: &Object) -> bool {
    matches!(
        object.additional_properties.as_deref(),
        Some(AdditionalProperties::FreeForm(false))
    )
}

fn describe_parameters(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.parameter_in == ParameterIn::Query
        {
            parameter.schema.iter_mut().for_each(describe_schema);
        }
    }
}

fn describe_schema(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(object)) = schema else {
        return;
    };
    let is_text = match &object.schema_type {
        SchemaType::Type(one) => *one == Type::String,
        SchemaType::Array(several) => several.contains(&Type::String),
        SchemaType::AnyValue => false,
    };
    if is_text
        && object.format.is_none()
        && object.enum_values.is_none()
        && object.pattern.is_none()
    {
        let shows = object.min_length.is_some_and(|length| length > 0);
        object.pattern = Some(if shows { TEXT_THAT_SHOWS } else { TEXT }.to_owned());
    }
}
