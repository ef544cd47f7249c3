//! `{"Records":[…]}`, of which one record at a time is in memory.

use std::{fmt, io::Read};

use serde::{
    Deserializer as _,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// Hands over each record's text, counted from 1; what is wrong with the file itself is the error. Records before it were
/// handed over.
pub(in super::super) fn stream(reader: impl Read, take: &mut dyn FnMut(&str)) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let is_log = deserializer.deserialize_map(File(&mut *take))?;
    deserializer.end()?;
    if is_log { Ok(()) } else { Err(serde_json::Error::custom("it is no CloudTrail log file: it has no Records")) }
}

struct File<'f>(&'f mut dyn FnMut(&str));

impl<'de> Visitor<'de> for File<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the member Records, as in a CloudTrail log file")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut is_log = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == "Records" {
                is_log = true;
                map.next_value_seed(Records(&mut *self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(is_log)
    }
}

struct Records<'f>(&'f mut dyn FnMut(&str));

impl<'de> DeserializeSeed<'de> for Records<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Records<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<(), A::Error> {
        while let Some(record) = records.next_element::<Box<RawValue>>()? {
            (self.0)(record.get());
        }
        Ok(())
    }
}
