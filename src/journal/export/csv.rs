//! Comma-separated values (RFC 4180, with LF as line end), for spreadsheets.

use std::io::{self, Write};

use super::record::{Record, Told};
use crate::types::printable;

/// The header.
pub(in crate::journal) const HEAD: &[u8] = b"index,recorded_at,event,operation_id,operation,scheme,subject,account_id,\
resource,reason,ticket,policies,result,changed,error_reason,error_message,aws_request_ids,access_key_id,hash\n";

/// Between the values of one cell.
const SEPARATOR: &str = " | ";

/// Writes one row. An outcome has the cells of its intent that it lacks itself.
pub(super) fn write(record: &Record, intent: Option<&Record>, out: &mut dyn Write) -> io::Result<()> {
    let told = Told { record, intent };
    let text = |pointer| told.text(pointer);
    let cells = [
        Some(record.stored.index.to_string()),
        Some(record.body.recorded_at.to_string()),
        Some(record.event().to_owned()),
        text("/operation_id"),
        told.operation(),
        text("/caller/scheme"),
        told.subject(),
        text("/account_id"),
        text("/resource"),
        text("/reason"),
        text("/ticket"),
        Some(told.texts("/policies").join(SEPARATOR)),
        text("/result"),
        text("/changed"),
        text("/error/reason"),
        text("/error/message"),
        Some(told.aws_request_ids().join(SEPARATOR)),
        text("/access_key_id"),
        Some(record.stored.hash.to_string()),
    ];
    let mut writer = ::csv::WriterBuilder::new().has_headers(false).from_writer(out);
    writer.write_record(cells.map(|cell| harmless(&cell.unwrap_or_default()))).map_err(io_error)?;
    writer.flush()
}

/// A cell that no spreadsheet takes for a formula. Much of what is in it strangers sent.
///
/// Source: OWASP, "CSV Injection". Tab, CR and LF, which count as beginnings of formulas there too, are escaped as every
/// other control character, so that a record is one line.
fn harmless(cell: &str) -> String {
    // Where the comma is the decimal sign, spreadsheets take the semicolon for the end of a cell, whatever is quoted.
    let cell = printable(cell).replace(';', "\\u{3b}");
    // Spreadsheets in East Asian locales read the full-width forms alike.
    if cell.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) { format!("'{cell}") } else { cell }
}

/// Only the output can fail: every row has as many cells as the header.
fn io_error(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_a_formula_wherever_a_spreadsheet_cuts() {
        for (cell, expected) in [
            ("plain, \"text\"", "plain, \"text\""),
            ("=1+1", "'=1+1"),
            ("＝1", "'＝1"),
            ("x;=cmd|'/C calc'!A0;y", "x\\u{3b}=cmd|'/C calc'!A0\\u{3b}y"),
            ("a\tb\r\n", "a\\u{9}b\\u{d}\\u{a}"),
            ("\u{61c}=1", "\\u{61c}=1"),
        ] {
            assert_eq!(harmless(cell), expected);
        }
    }
}
