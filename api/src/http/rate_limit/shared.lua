-- Counts one request against the budgets of its sender, one after the other until one is used up: the generic
-- cell rate algorithm. A budget is the time at which all that was counted will have been paid back; it only ever
-- moves on, whatever the clock of the instance that asks.
-- KEYS: the budgets. ARGV: now, for how long a budget outlives what is owed, and of each budget the time that
-- pays one request back, and how much may be owed before a request; all in microseconds.
-- Gives two numbers for each budget that was looked at: how long to wait (0: there was room), and what is owed.
local now, slack = tonumber(ARGV[1]), tonumber(ARGV[2])
local answer = {}
for at, key in ipairs(KEYS) do
  local interval, tolerance = tonumber(ARGV[2 * at + 1]), tonumber(ARGV[2 * at + 2])
  local paid_back = math.max(tonumber(redis.call('GET', key)) or now, now)
  local wait = math.max(paid_back - tolerance - now, 0)
  if wait == 0 then
    paid_back = paid_back + interval
    local expiry = math.ceil((paid_back - now + slack) / 1000)
    -- Written out, for a double in exponents is no integer to Redis.
    redis.call('SET', key, string.format('%.0f', paid_back), 'PX', string.format('%.0f', expiry))
  end
  answer[#answer + 1] = wait
  answer[#answer + 1] = paid_back - now
  if wait > 0 then
    break
  end
end
return answer
