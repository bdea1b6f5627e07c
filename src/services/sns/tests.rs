//! Tests of the declarations.
