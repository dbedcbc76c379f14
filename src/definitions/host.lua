---@meta _
-- Made by twinplug: the `host` table, as the scripts of this host see it.
-- What is changed here is lost.

---@class host
---What a layer lies over (`---@over NAME`); other scripts raise.
---@field base host.plugin
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

---Numbers that are shared, and not copied, as they cross: so many zeros, or those of a list.
---@param what integer|number[]
---@param element? "f64"|"f32"|"i64"|"i32"|"u8" `f64` unless given
---@return host.buffer
function host.buffer(what, element) end

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

---A list, also while it is empty: `{}` is a map otherwise.
---@generic T
---@param items T[]
---@return T[]
function host.list(items) end

---A table as an object: its functions are methods, which whoever gets the object calls.
---@param methods table
---@return host.object
function host.object(methods) end

---Has the handler called at each event of that name; calling what is returned ends that.
---@param event string
---@param handler fun(...: any): any
---@return fun() off
function host.on(event, handler) end

---Another plugin, of either kind: its functions are called, its variables read and set.
--{plugin overloads}
---@param name string
---@return host.plugin
function host.plugin(name) end

---Adds exports.
---@param exports table<string, any>
function host.register(exports) end

---Private state, which a reload carries: the table itself is what this gives.
---@generic T: table
---@param fields T
---@return T
function host.state(fields) end
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

  ---Sends a message if there is room for it.
  ---@param message any
  ---@return boolean sent
  ---@return "full"? why
  function channel:try_send(message) end

  ---Sends a message; waits for so many seconds at most.
  ---@async
  ---@param message any
  ---@param seconds number
  ---@return boolean sent
  ---@return "timeout"? why
  function channel:send_timeout(message, seconds) end

  ---Receives a message; waits for one.
  ---@async
  ---@return any
  function channel:recv() end

  ---Receives a message if there is one.
  ---@return any message
  ---@return "empty"? why
  function channel:try_recv() end

  ---Receives a message; waits for so many seconds at most.
  ---@async
  ---@param seconds number
  ---@return any message
  ---@return "timeout"? why
  function channel:recv_timeout(seconds) end

  ---Receives a message, and those that are there behind it, up to so many; waits for the first.
  ---@async
  ---@param most integer
  ---@return any[]
  function channel:recv_many(most) end

  ---The messages, until the channel is closed: `for message in channel:iter() do`.
  ---@async
  ---@return fun(): any
  function channel:iter() end

  ---Ends it: what it still holds is received first, then `recv` and `send` raise.
  function channel:close() end
end
--{channels}

---Something with methods: `object:method(..)`.
---@class host.object
---@field [string] fun(self: host.object, ...: any): any

---Numbers that are shared: `buffer[1]`, `#buffer`. Behind its end is nil.
---@class host.buffer
---@field [integer] number
---@operator len: integer

---A plugin of which nothing is known here.
---@class host.plugin
---@field [string] any
