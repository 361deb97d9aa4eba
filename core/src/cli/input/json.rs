//! A look into a line of JSON: is it well formed, and what is its key?

use core::fmt;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

/// Checks that a text is one JSON value.
pub(super) fn check(text: &str) -> Result<(), String> {
    let parsed: Result<IgnoredAny, _> = serde_json::from_str(text);
    parsed.map(drop).map_err(|error| in_words(&error))
}

/// The member of an object that is its key: a text, or a whole number. Checks all of the object.
pub(super) fn member(text: &str, name: &str) -> Result<String, String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let found = Member(name).deserialize(&mut reader);
    let found = found.and_then(|found| reader.end().map(|()| found)).map_err(|e| in_words(&e))?;
    found.ok_or_else(|| format!("it has no member \"{name}\""))
}

/// The parser's words, without "line 1", which would be taken for the file's.
fn in_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(what) if error.is_data() => what.to_owned(),
        Some(what) => format!("not JSON: {what} at column {}", error.column()),
        None => text,
    }
}

/// Reads an object, and keeps the member of this name.
struct Member<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with a member \"{}\"", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_ours) = map.next_key_seed(Name(self.0))? {
            if !is_ours {
                map.next_value::<IgnoredAny>()?;
            } else if found.replace(map.next_value_seed(Key(self.0))?).is_some() {
                return Err(A::Error::custom(format_args!("member \"{}\" is there twice", self.0)));
            }
        }
        Ok(found)
    }
}

/// Whether a member has this name.
struct Name<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        Ok(text == self.0)
    }
}

/// The value of the key's member.
struct Key<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<String, D::Error> {
        reader.deserialize_any(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a text or a whole number as \"{}\"", self.0)
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E>(self, text: String) -> Result<String, E> {
        Ok(text)
    }

    fn visit_u64<E>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_i64<E>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }
}
