//! Parquet, by rows. Only the columns that are asked for are read, of those within a group the whole group.
use super::{Fields, Raw, Row, Rows};
use crate::columns::Column;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::{Field, reader::RowIter};
use ::parquet::schema::types::Type;
use contract::{Error, Result};
use serde_json::Value;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The rows of a file with these columns, all of which it must have; without any, with all that it has.
pub(super) fn rows(file: File, name: &str, columns: &[Column<'_>]) -> Result<Rows> {
    let damaged = |e: &dyn std::fmt::Display| {
        Error::data(format!("{name} cannot be read as Parquet; copy or download it again, and check that it is whole")).with_detail(e)
    };
    let reader = guarded(|| SerializedFileReader::new(file)).map_err(|e| damaged(&e))?;
    let schema = reader.metadata().file_metadata().schema().clone();
    let there = schema.get_fields();
    for column in columns {
        if !is_there(there, column.name) {
            return Err(Error::data(format!("{name}: {}", column.missing("column", there.iter().map(|field| field.name())))));
        }
    }
    let wanted: Vec<Arc<Type>> =
        there.iter().filter(|field| columns.is_empty() || columns.iter().any(|column| column.lies_in(field.name()))).cloned().collect();
    let projection = Type::group_type_builder(schema.name()).with_fields(wanted).build().map_err(|e| damaged(&e))?;
    let mut rows = guarded(|| RowIter::from_file_into(Box::new(reader)).project(Some(projection))).map_err(|e| damaged(&e))?;
    let name = name.to_owned();
    let (mut number, mut is_over) = (0, false);
    Ok(Box::new(std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        number += 1;
        match guarded(|| rows.next().transpose()) {
            Ok(Some(row)) => Some(Ok(Row { number, counts: "row", raw: Raw::Parquet(row) })),
            Ok(None) => {
                is_over = true;
                None
            }
            Err(e) => {
                is_over = true;
                Some(Err(Error::data(format!("{name}, row {number}: cannot be read; copy or download the file again")).with_detail(e)))
            }
        }
    })))
}

/// Whether there is a column of this name, or behind its dots one within a group.
fn is_there(fields: &[Arc<Type>], name: &str) -> bool {
    let within = |field: &Type| {
        let rest = name.strip_prefix(field.name())?.strip_prefix('.')?;
        Some(field.is_group() && is_there(field.get_fields(), rest))
    };
    fields.iter().any(|field| field.name() == name || within(field) == Some(true))
}

/// The library asserts what a damaged file breaks: that must end a reading, not the program.
fn guarded<T>(read: impl FnOnce() -> Result<T, ::parquet::errors::ParquetError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(e)) => Err(e.to_string()),
        Err(_) => Err("the file's structure contradicts itself".into()),
    }
}

pub(super) fn fields(row: ::parquet::record::Row) -> Fields {
    row.into_columns().into_iter().map(|(name, field)| (name, value(&field))).collect()
}

fn value(field: &Field) -> Value {
    match field {
        Field::Str(text) => Value::from(text.as_str()),
        // Text that some writers do not mark as such.
        Field::Bytes(bytes) => std::str::from_utf8(bytes.data()).map_or(Value::Null, Value::from),
        Field::Bool(is) => Value::from(*is),
        Field::Byte(n) => Value::from(*n),
        Field::Short(n) => Value::from(*n),
        Field::Int(n) => Value::from(*n),
        Field::Long(n) => Value::from(*n),
        Field::UByte(n) => Value::from(*n),
        Field::UShort(n) => Value::from(*n),
        Field::UInt(n) => Value::from(*n),
        Field::ULong(n) => Value::from(*n),
        Field::Float16(n) => Value::from(f32::from(*n)),
        Field::Decimal(_) => field.to_string().parse::<f64>().map_or(Value::Null, Value::from),
        Field::Float(n) => Value::from(*n),
        Field::Double(n) => Value::from(*n),
        Field::Group(row) => {
            row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect::<serde_json::Map<_, _>>().into()
        }
        Field::ListInternal(list) => list.elements().iter().map(value).collect::<Vec<_>>().into(),
        // Null, dates and maps: nothing that a prompt or a cluster could be.
        _ => Value::Null,
    }
}
