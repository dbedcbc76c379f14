-- `host.channel`.

local raw = ...
local error, finish = raw.error, raw.finish

-- One object each, with the number of its channel in it.
local Channel, channels, opened = {}, raw.channels, {}
local channel_meta, open, send, try_send, send_timeout = channels[1], channels[2], channels[3], channels[4], channels[5]
local recv, try_recv, recv_timeout, recv_many = channels[6], channels[7], channels[8], channels[9]
local next_message, close = channels[10], channels[11]
channel_meta.__index, channel_meta.__metatable, channel_meta.__name = Channel, false, "channel"

-- In Lua 5.4 and 5.5 a function in C waits itself.
if raw.goes_on_in_c then
  Channel.send = send(raw.token, raw.no_wait)
else
  function Channel.send(channel, message)
    local ok, waits = send(channel, message)
    if ok == nil then return end
    return finish(ok, waits)
  end
end

function Channel.try_send(channel, message) return finish(try_send(channel, message)) end
function Channel.send_timeout(channel, message, seconds)
  return finish(send_timeout(channel, message, seconds))
end

function Channel.recv(channel) return finish(recv(channel)) end
function Channel.try_recv(channel) return finish(try_recv(channel)) end
function Channel.recv_timeout(channel, seconds) return finish(recv_timeout(channel, seconds)) end
function Channel.recv_many(channel, most) return finish(recv_many(channel, most)) end

-- `for message in channel do`, and with `channel:iter()` the same.
local function following(channel) return finish(next_message(channel)) end
channel_meta.__call = following
function Channel.iter(channel) return following, channel end

function Channel.close(channel)
  local ok, text = close(channel)
  if ok == nil then return end
  return finish(ok, text)
end

local function attached(name, ok, channel)
  if not ok then error(channel, 2) end
  opened[name] = channel
  return channel
end

function raw.host_channel(name)
  local channel = opened[name]
  if channel then return channel end
  return attached(name, open(name))
end
