//! [`Description`]: what a host offers its plugins, as data that another program can read. It says
//! nothing of the plugins that are loaded.

mod json;

use std::sync::Arc;

use twinplug_value::serde::{Deserialize, Serialize};
use twinplug_value::{Shared, Type, Value};

use super::builder::reference;
use super::{Host, HostBuilder};
use crate::channel::DescribedChannel;
use crate::error::{Error, ErrorKind, Result};

/// What a host offers: what [`Host::describe`] gives, and [`HostBuilder::described`] makes a host
/// of that stands in for it. As JSON it is what `twinplug --host FILE` takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(crate = "twinplug_value::serde", deny_unknown_fields)]
#[non_exhaustive]
pub struct Description {
    /// The version of this library that has written it.
    pub twinplug: String,
    /// The Lua that its scripts run on, by the name of its Cargo feature; `None` where it runs none.
    pub lua: Option<String>,
    /// The functions, by name.
    pub functions: Vec<FunctionDescription>,
    /// The constants, by name, but for those with a function, an object or a buffer in them.
    pub constants: Vec<ConstantDescription>,
    /// The channels, by name.
    pub channels: Vec<ChannelDescription>,
}

/// A function of a [`Description`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(crate = "twinplug_value::serde", deny_unknown_fields)]
#[non_exhaustive]
pub struct FunctionDescription {
    /// Its name, with dots where it is in a group.
    pub name: String,
    /// Its signature, as `(float, float) -> float`.
    pub signature: String,
    /// What plugins do in its place, if it is deprecated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
}

/// A constant of a [`Description`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(crate = "twinplug_value::serde", deny_unknown_fields)]
#[non_exhaustive]
pub struct ConstantDescription {
    /// Its name, with dots where it is in a group.
    pub name: String,
    /// Its type, which says what of `value` JSON does not tell: that 1 is a float, say.
    #[serde(rename = "type")]
    pub ty: String,
    /// Its value. What JSON has no word for is an object with one key: `{"$float": "inf"}` (or
    /// `"-inf"`, `"nan"`), `{"$bytes": [0, 255]}`, and `{"$map": [[1, "a"]]}` of a map with keys other
    /// than texts.
    pub value: Value,
}

/// A channel of a [`Description`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(crate = "twinplug_value::serde", deny_unknown_fields)]
#[non_exhaustive]
pub struct ChannelDescription {
    /// Its name.
    pub name: String,
    /// The type of its messages.
    #[serde(rename = "type")]
    pub ty: String,
    /// How many messages it holds.
    pub capacity: usize,
}

impl Host {
    /// What it offers its plugins: with that the command calls, tests and watches plugins of this
    /// program without it, where `twinplug --host FILE` gets it as JSON.
    ///
    /// ```
    /// use twinplug::{Description, Host};
    ///
    /// let host = Host::builder()
    ///     .function("world.scale", |x: f64, by: Option<f64>| x * by.unwrap_or(2.0))
    ///     .channel::<String>("log", 16)
    ///     .build()?;
    /// let json = host.describe().to_json();
    ///
    /// let description = Description::from_json(&json)?;
    /// assert_eq!(description, host.describe());
    /// assert_eq!(description.functions[0].signature, "(float, float?) -> float");
    /// # Ok::<(), twinplug::Error>(())
    /// ```
    #[must_use]
    pub fn describe(&self) -> Description {
        let context = &self.context;
        let functions = context.functions.iter().filter(|(name, _)| *name != "mock");
        let functions = functions.map(|(name, function)| FunctionDescription {
            name: name.clone(),
            signature: function.signature.to_string(),
            deprecated: function.advice.clone(),
        });
        // What another program made cannot be in a file.
        let constants = context.constants.iter();
        let constants = constants.filter(|(_, constant)| reference(&constant.value).is_none());
        let constants = constants.map(|(name, constant)| ConstantDescription {
            name: name.clone(),
            ty: constant.ty.to_string(),
            value: json::written(&constant.value),
        });
        let channels = context.channels.iter().map(|(name, channel)| ChannelDescription {
            name: name.clone(),
            ty: channel.schema().to_string(),
            capacity: channel.capacity(),
        });
        Description {
            twinplug: env!("CARGO_PKG_VERSION").to_owned(),
            lua: LUA.map(str::to_owned),
            functions: functions.collect(),
            constants: constants.collect(),
            channels: channels.collect(),
        }
    }
}

impl Description {
    /// It as JSON, for people and programs.
    ///
    /// # Panics
    /// Somebody has put a function, an object or a buffer into a constant.
    #[must_use]
    pub fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("texts, numbers and constants are JSON") + "\n"
    }

    /// Reads what [`to_json`](Description::to_json) has written.
    ///
    /// # Errors
    /// It is no description, or one of a later version.
    pub fn from_json(json: &str) -> Result<Description> {
        serde_json::from_str(json).map_err(|error| {
            let message = format!("it is no description of a host: {error}");
            Error::new(ErrorKind::Refused, message)
        })
    }
}

impl HostBuilder {
    /// Offers what a description says, for a host that stands in for the one that it is of. Its
    /// constants have their values, its channels carry values of the types that are said, and its
    /// functions are errors that say what is missing, until they get a stand-in
    /// ([`mockable`](HostBuilder::mockable), [`Host::mock`]).
    #[must_use]
    pub fn described(mut self, description: &Description) -> Self {
        for FunctionDescription { name, signature, deprecated } in &description.functions {
            let missing = missing(name);
            self =
                self.dynamic_function(name, signature, move |_| Err::<Value, _>(missing.clone()));
            if let Some(advice) = deprecated {
                self = self.deprecated(name, advice);
            }
        }
        for ConstantDescription { name, ty, value } in &description.constants {
            self = self.described_constant(name, ty, value.clone());
        }
        for ChannelDescription { name, ty, capacity } in &description.channels {
            self = self.described_channel(name, ty, *capacity);
        }
        self
    }
}

impl HostBuilder {
    fn described_constant(self, name: &str, ty: &str, value: Value) -> Self {
        match ty.parse::<Type>() {
            Ok(ty) => {
                let read = json::read(value);
                let value = read.and_then(|it| ty.coerce(it).map_err(|error| error.to_string()));
                self.with_constant(name, value, Shared::Counted(Arc::new(ty)))
            }
            Err(error) => self.refused(format!("constant `{name}`: its type: {error}")),
        }
    }

    fn described_channel(self, name: &str, ty: &str, capacity: usize) -> Self {
        match ty.parse::<Type>() {
            Ok(ty) => self.with_channel(name, move |name, least| {
                Arc::new(DescribedChannel::new(name, ty.clone(), capacity.max(least)))
            }),
            Err(error) => self.refused(format!("channel `{name}`: its type: {error}")),
        }
    }

    fn refused(mut self, message: String) -> Self {
        self.refuse(message);
        self
    }
}

fn missing(name: &str) -> String {
    format!(
        "it is described, and nobody has said what it does: give it a stand-in, with `--mock FILE` \
         or, in a test, with `host.mock(\"{name}\", function(..) .. end)`"
    )
}

/// The Cargo feature of the Lua that scripts run on.
const LUA: Option<&str> = if cfg!(feature = "lua54") {
    Some("lua54")
} else if cfg!(feature = "lua55") {
    Some("lua55")
} else if cfg!(feature = "luajit") {
    Some("luajit")
} else if cfg!(feature = "luau-jit") {
    Some("luau-jit")
} else if cfg!(feature = "luau") {
    Some("luau")
} else {
    None
};
