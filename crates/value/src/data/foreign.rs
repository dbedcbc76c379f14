//! Types that have serde's traits and no schema: [`Serde`], and what `#[data]` makes of them.

use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::Data;
use crate::Type;
use crate::raw::Link;

/// A value of a type that has serde's traits, and no schema of its own: of another crate,
/// say. It crosses as it is; its schema is `any`.
///
/// ```
/// use std::time::Duration;
/// # use twinplug_value::{Data, Serde, Value, data};
///
/// #[data]
/// struct Pause { length: Serde<Duration> }
///
/// assert_eq!(Pause::SCHEMA.to_string(), "Pause { length: any }");
/// let pause: Pause = Value::of(&Pause { length: Serde(Duration::from_millis(1500)) })?.to()?;
/// assert_eq!(pause.length.0.as_secs_f64(), 1.5);
/// # Ok::<(), twinplug_value::ConvertError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serde<T>(pub T);

impl<T: Serialize> Serialize for Serde<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Serde<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Serde)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Data for Serde<T> {
    const SCHEMA: &'static Type = &Type::Any;
}

/// The schema of a type that may have none: then that of [`Undescribed`] is found in place of
/// its own.
#[doc(hidden)]
#[derive(Debug)]
pub struct Described<T>(PhantomData<T>);

impl<T: Data> Described<T> {
    /// The schema's.
    pub const LINK: Link<Type> = T::LINK;
}

/// What is there for every type, where nothing better is.
#[doc(hidden)]
pub trait Undescribed {
    /// That of `any`.
    const LINK: Link<Type> = Link::new(&Type::Any);
}

impl<T> Undescribed for Described<T> {}
