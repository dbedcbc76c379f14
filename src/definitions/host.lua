---@meta _
-- Made by twinplug: the `host` table, as the scripts of this host see it.
-- What is changed here is lost.

---@class host
---The plugin's configuration; a key that is not configured is nil.
---@field config table<string, any>
---The host's log: `host.log(..)` is `host.log.info(..)`.
---@field log host.log
---Null in lists and maps, where nil would be no entry.
---@field null any
--{fields}
host = {}

---The initial value of a variable of any type.
---@param value any
---@return any
function host.any(value) end

---A channel of the host.
--{channel overloads}
---@param name string
---@return host.channel
function host.channel(name) end

---Whether `host` has it, so that reading it does not raise: `host.has("world.spawn")`.
---@param name string
---@return boolean
function host.has(name) end

---Whether a plugin of this name is loaded, so that `host.plugin` does not raise.
---@param name string
---@return boolean
function host.has_plugin(name) end

---Another plugin, of either kind: its functions are called, its variables read and set.
--{plugin overloads}
---@param name string
---@return host.plugin
function host.plugin(name) end

---Adds exports.
---@param exports table<string, any>
function host.register(exports) end
--{functions}

do
  ---@class host.log
  ---@overload fun(...: any)
  local log = {}

  ---@param ... any
  function log.debug(...) end

  ---@param ... any
  function log.error(...) end

  ---@param ... any
  function log.info(...) end

  ---@param ... any
  function log.trace(...) end

  ---@param ... any
  function log.warn(...) end
end
--{groups}

do
  ---@class host.channel
  local channel = {}

  ---Sends a message; waits while there is no room for it.
  ---@async
  ---@param message any
  function channel:send(message) end

  ---Receives a message; waits for one.
  ---@async
  ---@return any
  function channel:recv() end

  ---Ends it: what it still holds is received first, then `recv` and `send` raise.
  function channel:close() end
end
--{channels}

---A plugin of which nothing is known here.
---@class host.plugin
---@field [string] any
