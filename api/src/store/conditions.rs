//! Conditions of a query that is put together.

use sea_orm::Value;

/// Conditions that all must hold. Only those that are asked for are written, so that each question gets
/// the plan that its indexes allow.
#[derive(Default)]
pub struct Conditions {
    pub sql: String,
    pub values: Vec<Value>,
}

impl Conditions {
    /// No conditions yet, and values for those that name them by number.
    pub fn with<const N: usize>(values: [Value; N]) -> Self {
        Self {
            sql: String::new(),
            values: values.into(),
        }
    }

    /// Adds a condition with a `?` for each of its values.
    pub fn add<const N: usize>(&mut self, condition: &str, values: [Value; N]) {
        if !self.sql.is_empty() {
            self.sql.push_str(" AND ");
        }
        debug_assert_eq!(condition.matches('?').count(), N, "{condition}");
        let mut number = self.values.len();
        for part in condition.split_inclusive('?') {
            let Some(text) = part.strip_suffix('?') else {
                self.sql.push_str(part);
                continue;
            };
            number += 1;
            self.sql.push_str(text);
            self.sql.extend(["$", &number.to_string()]);
        }
        self.values.extend(values);
    }
}
