---Sends a message; waits while there is no room for it.
---@async
---@param message {message}
function channel:send(message) end

---Sends a message if there is room for it.
---@param message {message}
---@return boolean sent
---@return "full"? why
function channel:try_send(message) end

---Sends a message; waits for so many seconds at most.
---@async
---@param message {message}
---@param seconds number
---@return boolean sent
---@return "timeout"? why
function channel:send_timeout(message, seconds) end

---Receives a message; waits for one.
---@async
---@return {message}
function channel:recv() end

---Receives a message if there is one.
---@return {maybe} message
---@return "empty"? why
function channel:try_recv() end

---Receives a message; waits for so many seconds at most.
---@async
---@param seconds number
---@return {maybe} message
---@return "timeout"? why
function channel:recv_timeout(seconds) end

---Receives a message, and those that are there behind it, up to so many; waits for the first.
---@async
---@param most integer
---@return {list}
function channel:recv_many(most) end

---The messages, until the channel is closed: `for message in channel:iter() do`.
---@async
---@return fun(): {maybe}
function channel:iter() end
