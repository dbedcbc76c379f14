//! What the two sides of the rows of scripts have in common: the script, what is done with
//! it, and how often.

use crate::plugin_data::PluginData;
use crate::work::{exchanges, sum};

/// Both sides run this text.
pub(crate) const SCRIPT: &str = r#"
local M = { Value = 0, Float = 0.5, Pd = { name = "", age = 0, tel = "" } }

---@param a integer
---@param b integer
---@return integer
function M.add(a, b) return a + b end

function M.plain_add(a, b) return a + b end

function M.same(list) return list end

function M.ComplexType() M.Pd.age = M.Pd.age * 4 end

---@param n integer
---@return number
function M.scaled(n)
  local sum = 0.0
  for i = 1.0, n do sum = sum + host.scale(i, 0.5) end
  return sum
end

---@param n integer
---@return number
function M.scaled_by_local(n)
  local scale, sum = host.scale, 0.0
  for i = 1.0, n do sum = sum + scale(i, 0.5) end
  return sum
end

---@param n integer
---@return number
function M.arithmetic(n)
  local sum = 0.0
  for i = 1.0, n do sum = sum + i * 0.5 end
  return sum
end

---@param n integer
---@return number
function M.library(n)
  local list, text, sum = { 1, 2, 3, 4 }, "twinplug", 0.0
  for i = 1, n do
    for _, item in ipairs(list) do sum = sum + math.floor(item / 3) end
    sum = math.max(sum, i) + string.byte(text, i % 8 + 1)
    if type(sum) ~= "number" then error("no number") end
  end
  return sum
end

return M
"#;

/// A VM that has run the script.
pub(crate) trait Side {
    fn add(&self, a: i64, b: i64) -> i64;
    fn value(&self) -> i64;
    fn set_value(&self, value: i64);
    /// The struct set, its age multiplied by the script, and the struct got.
    fn exchange(&self, data: PluginData) -> PluginData;
    /// A loop of the script that runs so often, inside of one call.
    fn run(&self, which: Loop, times: u64) -> f64;
}

/// The loops of the script.
#[derive(Clone, Copy)]
pub(crate) enum Loop {
    /// Calls the host's function as people write it, looked up each time.
    Scaled,
    /// Calls it through a local of the script.
    ScaledByLocal,
    /// Computes the same without a call.
    Arithmetic,
    /// Calls functions of the library, as most scripts do.
    Library,
}

pub(crate) fn calls(side: &impl Side) -> impl FnMut(u64) -> u64 {
    |repetitions| sum(repetitions, |a, b| side.add(a, b))
}

pub(crate) fn gets(side: &impl Side) -> impl FnMut(u64) -> u64 {
    |repetitions| {
        side.set_value(7);
        (0..repetitions).map(|_| side.value() as u64).sum()
    }
}

pub(crate) fn sets(side: &impl Side) -> impl FnMut(u64) -> u64 {
    |repetitions| {
        (0..repetitions).for_each(|step| side.set_value(step as i64));
        side.value() as u64
    }
}

pub(crate) fn structs(side: &impl Side) -> impl FnMut(u64) -> u64 {
    |repetitions| exchanges(repetitions, |data| side.exchange(data))
}

pub(crate) fn loops(side: &impl Side, which: Loop) -> impl FnMut(u64) -> u64 {
    move |repetitions| side.run(which, repetitions).to_bits()
}
