-- Used by load.py. Arguments: the size of a body in bytes, 0 for none; "vary" for requests that all differ.
-- The result is one line of JSON.

function init(args)
  local size = tonumber(args[1] or "0")
  if size > 0 then
    wrk.method = "POST"
    wrk.body = string.rep("x", size)
  end
  -- Without `request`, wrk sends one prepared request and calls no Lua in between.
  if args[2] == "vary" then
    wrk.headers["X-Request-ID"] = "@"
    local before, after = wrk.format():match("^(.*X%-Request%-ID: )@(.*)$")
    local number = 10000000
    request = function()
      number = number + 1
      return before .. number .. after
    end
  end
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '{"requests": %d, "bytes": %d, "microseconds": %d, "errors": '
      .. '{"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}}\n',
    summary.requests, summary.bytes, summary.duration, e.connect, e.read, e.write, e.status, e.timeout))
end
