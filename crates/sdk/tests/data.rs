//! `#[data]` on types of all makes: the bounds that it writes refuse none that crosses.

#![deny(warnings, reason = "a bound that warns is the author's to read")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twinplug_sdk::prelude::*;

/// Has serde's traits, and no schema.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Foreign(i64);

#[data]
#[derive(Debug, Clone, PartialEq)]
struct Inner {
    number: i64,
}

/// Public, with fields of private types.
#[data]
#[derive(Debug, Clone, PartialEq)]
pub struct Public {
    inner: Inner,
    again: Inner,
    #[serde(default)]
    map: BTreeMap<String, Vec<Inner>>,
    pair: (i64, Inner),
    #[serde(with = "as_text")]
    text: Foreign,
    #[serde(skip)]
    skipped: Option<i64>,
}

mod as_text {
    use super::Foreign;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Foreign, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&value.0.to_string())
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Foreign, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(Foreign).map_err(serde::de::Error::custom)
    }
}

#[data]
#[derive(Debug, Clone, PartialEq)]
struct Flat {
    #[serde(flatten)]
    inner: Inner,
    foreign: Serde<Foreign>,
}

/// Each holds the other.
#[data]
#[derive(Debug, Clone, PartialEq)]
struct Node {
    next: Vec<Tree>,
    own: Option<Box<Node>>,
}

#[data]
#[derive(Debug, Clone, PartialEq)]
enum Tree {
    Leaf(#[data(schema = i64)] Foreign),
    Node(Box<Node>),
}

#[data]
#[derive(Debug, Clone, PartialEq)]
struct Generic<T> {
    inner: Vec<T>,
    other: Inner,
}

macro_rules! written {
    ($name:ident: $ty:ty) => {
        #[data]
        #[derive(Debug, Clone, PartialEq)]
        struct $name {
            given: $ty,
            own: $crate::Inner,
        }
    };
}
written!(Written: Option<Inner>);

#[track_caller]
fn crosses<T: Data + PartialEq + std::fmt::Debug>(value: &T, schema: &str) {
    assert_eq!(T::SCHEMA.to_string(), schema);
    let crossed: T = Value::of(value).unwrap().to().unwrap();
    assert_eq!(crossed, *value);
}

#[test]
fn types_of_all_makes_cross() {
    let inner = Inner { number: 1 };
    let public = Public {
        inner: inner.clone(),
        again: inner.clone(),
        map: BTreeMap::from([("a".to_owned(), vec![inner.clone()])]),
        pair: (2, inner.clone()),
        text: Foreign(3),
        skipped: None,
    };
    crosses(
        &public,
        "Public { inner: Inner { number: int }, again: Inner { number: int }, map?: \
         map<list<Inner { number: int }>>, pair: (int, Inner { number: int }), text: any }",
    );
    crosses(
        &Flat { inner: inner.clone(), foreign: Serde(Foreign(1)) },
        "Flat { number: int, foreign: any }",
    );
    let leaf = Node { next: vec![Tree::Leaf(Foreign(1))], own: None };
    let node = Node { next: vec![Tree::Node(Box::new(leaf.clone()))], own: Some(Box::new(leaf)) };
    crosses(&node, "Node { next: list<Tree({ Leaf: int } | { Node: Node })>, own: Node? }");
    crosses(
        &Tree::Node(Box::new(node)),
        "Tree({ Leaf: int } | { Node: Node { next: list<Tree>, own: Node? } })",
    );
    let generic = Generic { inner: vec![inner.clone()], other: inner.clone() };
    crosses(
        &generic,
        "Generic { inner: list<Inner { number: int }>, other: Inner { number: int } }",
    );
    crosses(
        &Written { given: Some(inner.clone()), own: inner },
        "Written { given: Inner { number: int }?, own: Inner { number: int } }",
    );
}
