//! Types read from text, as native descriptors carry them.
//!
//! The grammar is what `text` writes. Text comes from files that nobody has
//! vouched for, so that depth is bounded and every byte is looked at once.

use std::fmt;
use std::str::FromStr;

use super::{Choice, Field, Param, Shared, Signature, Struct, Type, TypeRef};
use crate::Element;

/// Deeper types are refused, so that reading one cannot exhaust the stack.
pub(super) const MAX_DEPTH: usize = 32;

/// What may stand where a type does.
const TYPES: &str = "a type (null, bool, int, float, number, string, bytes, any, function, object, \
                     buffer<T>, list<T>, map<T>, (T, U), Name { field: T }, Name(T | U), 'text', or the name of what is around it)";

/// Text that is no type: what was expected, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseTypeError {
    text: String,
    at: usize,
    expected: &'static str,
}

impl fmt::Display for ParseTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, rest) = self.text.split_at(self.at);
        if rest.is_empty() {
            write!(f, "`{before}` is no type: expected {} at the end", self.expected)
        } else {
            write!(f, "`{}` is no type: expected {} at `{rest}`", self.text, self.expected)
        }
    }
}

impl std::error::Error for ParseTypeError {}

impl FromStr for Type {
    type Err = ParseTypeError;
    fn from_str(text: &str) -> Result<Self, ParseTypeError> {
        let mut parser = Parser { text, at: 0, around: Vec::new(), depth: 0 };
        let ty = parser.ty()?;
        parser.end()?;
        Ok(ty)
    }
}

impl FromStr for Signature {
    type Err = ParseTypeError;
    fn from_str(text: &str) -> Result<Self, ParseTypeError> {
        let mut parser = Parser { text, at: 0, around: Vec::new(), depth: 0 };
        let signature = parser.signature()?;
        parser.end()?;
        Ok(signature)
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// The names of the structs and choices that the place is in.
    around: Vec<&'a str>,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn signature(&mut self) -> Result<Signature, ParseTypeError> {
        self.expect("(", "`(`")?;
        let mut params: Vec<Param> = Vec::new();
        let mut variadic = false;
        while !self.take(")") {
            if variadic {
                return Err(self.error("`)`"));
            }
            if !params.is_empty() {
                self.expect(",", "`,` or `)`")?;
            }
            if self.take("...") {
                variadic = true;
            } else {
                self.skip();
                let start = self.at;
                let param = self.param()?;
                let twice = |other: &Param| !param.name.is_empty() && other.name == param.name;
                if params.iter().any(twice) {
                    self.at = start;
                    return Err(self.error("a parameter that is not there yet"));
                }
                params.push(param);
            }
        }
        let result = if self.take("->") { self.ty()? } else { Type::Null };
        Ok(Signature { params: params.into(), variadic, result: result.into() })
    }

    fn param(&mut self) -> Result<Param, ParseTypeError> {
        let start = self.at;
        if let Some(name) = self.name()
            && self.take(":")
        {
            return Ok(Param { name: name.into(), ty: self.ty()?.into() });
        }
        self.at = start;
        Ok(Param { name: Shared::Static(""), ty: self.ty()?.into() })
    }

    fn ty(&mut self) -> Result<Type, ParseTypeError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error("a type that is less deep"));
        }
        self.depth += 1;
        let mut ty = self.plain()?;
        while self.take("?") {
            // `T??` says no more than `T?`, and a chain of them would nest without bound.
            if !matches!(ty, Type::Optional(_)) {
                ty = Type::Optional(ty.into());
            }
        }
        self.depth -= 1;
        Ok(ty)
    }

    fn plain(&mut self) -> Result<Type, ParseTypeError> {
        if self.take("(") {
            return self.tuple();
        }
        if self.take("'") {
            return Ok(Type::Literal(self.quoted()?.into()));
        }
        if self.peek("{") {
            return Ok(Type::Struct(self.fields("")?));
        }
        self.skip();
        let start = self.at;
        let name = self.name().ok_or_else(|| self.error("a type"))?;
        Ok(match name {
            "any" => Type::Any,
            "null" => Type::Null,
            "bool" => Type::Bool,
            "int" => Type::Int,
            "float" => Type::Float,
            "number" => Type::Number,
            "string" => Type::Str,
            "bytes" => Type::Bytes,
            "function" => Type::Func,
            "object" => Type::Object,
            "buffer" => Type::Buffer(self.element()?),
            "list" => Type::List(self.inner()?),
            "map" => Type::Map(self.inner()?),
            name if self.peek("{") => Type::Struct(self.fields(name)?),
            name if self.take("(") => {
                self.around.push(name);
                let variants = self.variants(Vec::new())?;
                self.around.pop();
                Type::Choice(Choice::new(name, variants))
            }
            name if self.around.contains(&name) => Type::Named(name.into()),
            _ => {
                self.at = start;
                return Err(self.error(TYPES));
            }
        })
    }

    /// What the elements of a buffer are said to be.
    fn element(&mut self) -> Result<Option<Element>, ParseTypeError> {
        if !self.take("<") {
            return Ok(None);
        }
        self.skip();
        let start = self.at;
        let name = self.name();
        let element = Element::ALL.into_iter().find(|element| Some(element.name()) == name);
        if element.is_none() {
            self.at = start;
            return Err(self.error("`f64`, `f32`, `i64`, `i32` or `u8`"));
        }
        self.expect(">", "`>`")?;
        Ok(element)
    }

    /// What follows a `(`: a tuple, or a choice without a name.
    fn tuple(&mut self) -> Result<Type, ParseTypeError> {
        if self.take("|") {
            return Ok(Type::Choice(Choice::new("", self.variants(Vec::new())?)));
        }
        let mut items: Vec<TypeRef> = Vec::new();
        while !self.take(")") {
            if items.len() == 1 && self.take("|") {
                items.push(self.ty()?.into());
                return Ok(Type::Choice(Choice::new("", self.variants(items)?)));
            }
            if !items.is_empty() {
                self.expect(",", "`,` or `)`")?;
            }
            items.push(self.ty()?.into());
        }
        Ok(Type::Tuple(items.into()))
    }

    /// The variants of a choice to its `)`, after those.
    fn variants(&mut self, mut variants: Vec<TypeRef>) -> Result<Vec<TypeRef>, ParseTypeError> {
        while !self.take(")") {
            if !variants.is_empty() {
                self.expect("|", "`|` or `)`")?;
            }
            variants.push(self.ty()?.into());
        }
        Ok(variants)
    }

    /// The rest of what stands in quotes.
    fn quoted(&mut self) -> Result<&'a str, ParseTypeError> {
        let rest = &self.text[self.at..];
        let end = rest.find('\'').filter(|end| !rest[..*end].contains(char::is_control));
        let end = end.ok_or_else(|| self.error("text and a `'`"))?;
        self.at += end + 1;
        Ok(&rest[..end])
    }

    fn key(&mut self) -> Result<&'a str, ParseTypeError> {
        self.skip();
        let start = self.at;
        if !self.take("'") {
            return self.name().ok_or_else(|| self.error("a field's name"));
        }
        match self.quoted()? {
            "" => {
                self.at = start;
                Err(self.error("a field's name"))
            }
            key => Ok(key),
        }
    }

    fn inner(&mut self) -> Result<TypeRef, ParseTypeError> {
        self.expect("<", "`<`")?;
        let ty = self.ty()?;
        self.expect(">", "`>`")?;
        Ok(ty.into())
    }

    fn fields(&mut self, name: &'a str) -> Result<Struct, ParseTypeError> {
        self.expect("{", "`{`")?;
        let exact = self.text[self.at..].starts_with('|');
        self.at += usize::from(exact);
        let (end, expected) = if exact { ("|}", "`,` or `|}`") } else { ("}", "`,` or `}`") };
        self.around.push(name);
        let mut fields: Vec<Field> = Vec::new();
        while !self.take(end) {
            if !fields.is_empty() {
                self.expect(",", expected)?;
            }
            let field = self.field(&fields)?;
            fields.push(field);
        }
        self.around.pop();
        Ok(Struct { exact, ..Struct::new(name, fields) })
    }

    /// A field that is none of those.
    fn field(&mut self, others: &[Field]) -> Result<Field, ParseTypeError> {
        let mut keys: Vec<&'a str> = Vec::new();
        while keys.is_empty() || self.take("|") {
            self.skip();
            let start = self.at;
            let key = self.key()?;
            if keys.contains(&key) || others.iter().any(|field| field.is_called(key)) {
                self.at = start;
                return Err(self.error("a field that is not there yet"));
            }
            keys.push(key);
        }
        let optional = self.take("?");
        self.expect(":", "`:`")?;
        let aliases: Vec<Shared<str>> = keys[1..].iter().map(|key| Shared::from(*key)).collect();
        let aliases = if aliases.is_empty() { Shared::Static(&[][..]) } else { aliases.into() };
        Ok(Field { optional, aliases, ..Field::new(keys[0], self.ty()?) })
    }

    fn name(&mut self) -> Option<&'a str> {
        self.skip();
        let rest = &self.text[self.at..];
        let length = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
            .unwrap_or(rest.len());
        // `->` after a name is an arrow, not a part of it.
        let length = rest[..length].find("->").unwrap_or(length);
        let name = &rest[..length];
        let starts = name.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        starts.then(|| {
            self.at += length;
            name
        })
    }

    fn skip(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn peek(&mut self, token: &str) -> bool {
        self.skip();
        self.text[self.at..].starts_with(token)
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.peek(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str, expected: &'static str) -> Result<(), ParseTypeError> {
        if self.take(token) { Ok(()) } else { Err(self.error(expected)) }
    }

    fn end(&mut self) -> Result<(), ParseTypeError> {
        self.skip();
        if self.at == self.text.len() { Ok(()) } else { Err(self.error("the end")) }
    }

    fn error(&self, expected: &'static str) -> ParseTypeError {
        ParseTypeError { text: self.text.to_owned(), at: self.at, expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in [
            "int",
            "list<map<any>>?",
            "(int, string)",
            "()",
            "{ a: int, b?: list<any> }",
            "Node { next: Node?, items: list<(bool, bytes)> }",
            "Empty {}",
            "Shape('Point' | { Round: float } | { Named: { name: string, next: Shape? } })",
            "('a' | int)",
            "('a', int)",
            "Only('a')",
            "Never()",
            "(| 'a')",
            "list<Kept(null | int?)>?",
            "Strict {| x: int, '$ref' | old?: string |}",
            "Strict {||}",
            "{ 'a b': int }",
            "Tree { left: Tree?, leaf: Leaf { tree: Tree, leaf: Leaf? } }",
        ] {
            let ty: Type = text.parse().unwrap();
            assert_eq!(ty.to_string(), text);
        }
        for text in [
            "()",
            "() -> string",
            "(x: int, by: float?) -> (int, string)",
            "(int, any, ...)",
            "(...) -> any",
        ] {
            let signature: Signature = text.parse().unwrap();
            assert_eq!(signature.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_type_is_refused_with_the_place() {
        let check = |text: &str, message: &str| {
            assert_eq!(text.parse::<Type>().unwrap_err().to_string(), message);
        };
        check("", "`` is no type: expected a type at the end");
        check("list", "`list` is no type: expected `<` at the end");
        check("list<int", "`list<int` is no type: expected `>` at the end");
        check("int int", "`int int` is no type: expected the end at `int`");
        check("A { x int }", "`A { x int }` is no type: expected `:` at `int }`");
        check("'a", "`'a` is no type: expected text and a `'` at `a`");
        check("A('a' 'b')", "`A('a' 'b')` is no type: expected `|` or `)` at `'b')`");
        check("A {| x: int }", "`A {| x: int }` is no type: expected `,` or `|}` at `}`");
        check("{ '': int }", "`{ '': int }` is no type: expected a field's name at `'': int }`");
        check(
            "{ a: int, b | a: int }",
            "`{ a: int, b | a: int }` is no type: expected a field that is not there yet at \
             `a: int }`",
        );
        check("%", "`%` is no type: expected a type at `%`");
        let unknown = |text: &str, rest: &str| {
            check(text, &format!("`{text}` is no type: expected {TYPES} at `{rest}`"));
        };
        unknown("integer", "integer");
        unknown("A { x: B { y: C } }", "C } }");
        unknown("(A { x: int }, A)", "A)");
        check(
            "{ a: int, a: int }",
            "`{ a: int, a: int }` is no type: expected a field that is not there yet at `a: int }`",
        );
        assert_eq!(
            "(a: int, a: int)".parse::<Signature>().unwrap_err().to_string(),
            "`(a: int, a: int)` is no type: expected a parameter that is not there yet at `a: int)`"
        );
        let deep = "list<".repeat(100_000);
        assert!(deep.parse::<Type>().is_err());
        let optional = format!("int{}", "?".repeat(100_000));
        assert_eq!(optional.parse::<Type>().unwrap().to_string(), "int?");
    }
}
