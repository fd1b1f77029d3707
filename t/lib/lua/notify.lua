-- What the Lua blocks say: open a socket, push, print what came.  The
-- WebSocket client is lua-resty-websocket (Debian calls it
-- nginx.websocket), a client that is not ours.

local client = require "nginx.websocket.client"

local notify = {}


local function fail(...)
    ngx.say("failed: ", ...)
    ngx.exit(ngx.OK)
end


-- A socket at a URI of this server, or at a whole ws:// or wss:// one.
function notify.open(uri, options)
    if not uri:find("^wss?:") then
        uri = "ws://127.0.0.1:" .. ngx.var.server_port .. uri
    end

    local ws = client:new({ timeout = 20000, max_payload_len = 8388608 })
    local ok, err = ws:connect(uri, options)
    if not ok then
        fail("connect ", uri, ": ", err)
    end

    return ws
end


-- A token of HS256 that is made now, by OpenSSL's HMAC: one that is good for
-- a few seconds.
function notify.token(file, claims)
    local ffi = require "ffi"
    ffi.cdef [[
        typedef struct evp_md_st EVP_MD;
        const EVP_MD *EVP_sha256(void);
        unsigned char *HMAC(const EVP_MD *md, const void *key, int len,
            const char *p, size_t n, unsigned char *out, unsigned *size);
    ]]

    local function encode(text)
        return (ngx.encode_base64(text, true):gsub("[+/]",
                                                  { ["+"] = "-", ["/"] = "_" }))
    end

    local input = assert(io.open(file))
    local key = input:read()
    input:close()

    local text = encode('{"alg":"HS256"}') .. "." .. encode(claims)
    local mac = ffi.new("unsigned char[32]")
    ffi.C.HMAC(ffi.C.EVP_sha256(), key, #key, text, #text, mac, nil)

    return text .. "." .. encode(ffi.string(mac, 32))
end


-- Prints the next frame: text as it is, other bytes in hex.
function notify.say(ws)
    local data, kind, err = ws:recv_frame()
    if not kind then
        fail("receive: ", err)
    end

    if kind == "close" then
        ngx.say("close ", err, " \"", data, "\"")

    elseif kind == "text" then
        ngx.say("text \"", data, "\"")

    else
        ngx.say(kind, " ", (data:gsub(".", function (c)
            return string.format("%02x", c:byte())
        end)))
    end
end


-- Nothing has come: what we ask for comes first.
function notify.say_nothing(ws)
    ws:send_ping("nothing?")
    local data, kind, err = ws:recv_frame()
    if kind == "pong" and data == "nothing?" then
        ngx.say("nothing")
    else
        ngx.say("unexpected ", kind, " ", data, " ", err)
    end
end


-- A request to this server, or to a host and port: status, body, headers.
function notify.request(method, uri, headers, body, host, port)
    local sock = ngx.socket.tcp()
    sock:settimeout(20000)

    local ok, err = sock:connect(host or "127.0.0.1",
                                 port or tonumber(ngx.var.server_port))
    if not ok then
        fail("connect: ", err)
    end

    local lines = { method .. " " .. uri .. " HTTP/1.1", "Host: localhost",
                    "Connection: close" }
    for _, line in ipairs(headers or {}) do
        lines[#lines + 1] = line
    end
    if body then
        lines[#lines + 1] = "Content-Length: " .. #body
    end

    sock:send(table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or ""))

    local all
    all, err = sock:receive("*a")
    if not all then
        fail("receive: ", err)
    end
    sock:close()

    local head, rest = all:match("^(.-\r\n)\r\n(.*)$")
    return tonumber(head:match("^HTTP/1%.1 (%d+)")), rest, head
end


-- Pushes, and prints the receipt, whose id is another one each time.
function notify.push(uri, body, headers, method)
    local status, receipt = notify.request(method or "POST", uri, headers,
                                           body)
    ngx.say(status, " ", (receipt:gsub('"id":"%d+%-%d+"', '"id":"*"')))
end

return notify
