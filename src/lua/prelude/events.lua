-- `host.on`.

local raw = ...
local error, type = raw.error, type

-- What the host tells the script of: its handlers by their numbers. One that is not there any more
-- answers nothing, else that it was and what it gives.
local subscribe, unsubscribe, handlers = raw.subscribe, raw.unsubscribe, {}

local function tell(number, ...)
  local handler = handlers[number]
  if not handler then return end
  return true, handler(...)
end

local function subscribed(handler, ok, number)
  if not ok then error(number, 2) end
  handlers[number] = handler
  return function()
    if handlers[number] then
      handlers[number] = nil
      unsubscribe(number)
    end
  end
end

function raw.host_on(event, handler)
  if type(event) ~= "string" or type(handler) ~= "function" then
    error("`host.on` takes an event's name and a function: `host.on(\"tick\", f)`", 2)
  end
  return subscribed(handler, subscribe(event, tell))
end
