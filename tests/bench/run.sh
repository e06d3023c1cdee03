#!/bin/bash
# The measurements of `make bench`: real lighttpd, real responder, one load generator.
#     bash tests/bench/run.sh [BUILD [MEASUREMENT...]]
# Each measurement has a log and servers of its own.  The table goes to the terminal, all that
# the generator said to BUILD/bench.log.
set -u
build=$(realpath "${1:-build}")
shift
root=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d /tmp/rowcast-bench-XXXXXX)
db=$work/rowcast.db
socket=$work/alone.socket
port=${PORT:-18480}
url=127.0.0.1:$port/sse/events
descriptors=$(ulimit -Hn)
[ "$descriptors" = unlimited ] && descriptors=1048576
ulimit -n "$descriptors"
record=$build/bench.log
: >"$record"
failures=0
server= responder= supervisor=

finish() {
    stop_servers
    await rm -rf "$work" # the responder that lighttpd left ends a moment later
}
trap finish EXIT
trap 'exit 130' INT TERM

# ---------------------------------------------------------------- servers and logs

stop_servers() {
    if [ -n "$server" ]; then
        kill -TERM "$server" 2>/dev/null
        wait "$server" 2>/dev/null
    fi
    if [ -n "$supervisor" ]; then
        kill -TERM "$supervisor" 2>/dev/null
        wait "$supervisor" 2>/dev/null
    fi
    server= responder= supervisor=
}

new_log() {
    stop_servers
    rm -f "$db"* "$work"/*.socket*
    sqlite3 -bail "$db" <"$root/sql/schema.sql" >/dev/null
}

set_to() { sqlite3 -cmd '.timeout 5000' "$db" "UPDATE rowcast_config SET value = '$2' WHERE name = '$1'"; }

token=a-token-for-figures
open_publishing() { # every row stays, to be compared
    set_to publish_token $token
    set_to buffer_size 1000000
}

await() { # COMMAND...: until it succeeds, 10 s at most
    local tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -gt 500 ]; then
            echo "bench: gave up waiting for: $*" >&2
            return 1
        fi
        sleep 0.02
    done
}

# One stream that comes and goes, so that all threads run before anything is measured.
warm_up() { "$build/rowcast-bench" "$@" --streams 1 >/dev/null; }

front() { # lighttpd, which starts the responder
    cat >"$work/lighttpd.conf" <<CONF
server.bind          = "127.0.0.1"
server.port          = $port
server.document-root = "$work"
server.errorlog      = "$work/lighttpd.log"
var.rowcast_program  = "$build/rowcast.fcgi"
var.rowcast_db       = "$db"
var.rowcast_socket   = "$work/front.socket"
var.rowcast_log      = "$work/rowcast.log"
var.rowcast_later    = "$root/packaging/rowcast-later.cgi"
var.rowcast_web      = "$root/web"
include "$root/lighttpd.conf.example"
CONF
    lighttpd -D -f "$work/lighttpd.conf" 2>>"$record" &
    server=$!
    await curl -so /dev/null "http://127.0.0.1:$port/" && warm_up --url "$url"
    responder=$(pgrep -P "$server" | head -1)
}

supervised() { # lighttpd before a supervisor of two processes
    "$build/rowcast.fcgi" --db "$db" --listen "$socket" --log-to "$work/rowcast.log" --processes 2 &
    supervisor=$!
    await test -S "$socket"
    cat >"$work/lighttpd.conf" <<CONF
server.bind          = "127.0.0.1"
server.port          = $port
server.document-root = "$work"
server.errorlog      = "$work/lighttpd.log"
var.rowcast_socket   = "$socket"
var.rowcast_later    = "$root/packaging/rowcast-later.cgi"
var.rowcast_web      = "$root/web"
include "$root/conf/lighttpd-socket.conf.example"
CONF
    lighttpd -D -f "$work/lighttpd.conf" 2>>"$record" &
    server=$! responder=$supervisor
    await curl -so /dev/null "http://127.0.0.1:$port/" && warm_up --url "$url"
}

alone() { # the responder without a web server
    "$build/rowcast.fcgi" --db "$db" --listen "$socket" --log-to "$work/rowcast.log" &
    server=$! responder=$!
    await test -S "$socket" && warm_up --fastcgi "$socket" --path /sse/events
}

# ---------------------------------------------------------------- generator and table

# The generator's lines are kept in $work/out for field().
load() {
    {
        date '+%T'
        echo "$*"
    } >>"$record"
    "$build/rowcast-bench" "$@" >"$work/out" 2>>"$record"
    local result=$?
    cat "$work/out" >>"$record"
    if [ "$result" -ne 0 ]; then
        failures=$((failures + 1))
        echo "  not complete: $(grep ^check "$work/out" || echo 'the generator failed')"
        tail -n 3 "$work/rowcast.log" 2>/dev/null | sed 's/^/    /'
    fi
}
load_front() { load --url "$url" --db "$db" --pid "responder=$responder" --pid "lighttpd=$server" "$@"; }
load_alone() {
    load --fastcgi "$socket" --path /sse/events --db "$db" --pid "responder=$responder" "$@"
}

# field PATTERN KEY: the value of KEY in the line that matches
field() { awk -v key="$2=" -v line="$1" '$0 ~ line {
    for (i = 1; i <= NF; i++) if (index($i, key) == 1) { print substr($i, length(key) + 1); exit } }' \
    "$work/out"; }
ms() { awk -v us="$(field ^latency "$1")" 'BEGIN { printf "%.2f ms", us / 1000 }'; }
row() { printf '%-52s %-34s %s\n' "$1" "$2" "${3:-}"; }
latencies() { echo "p50 $(ms p50_us), p99 $(ms p99_us), max $(ms max_us)"; }
per_second() { awk -v n="$(field "$1" per_second)" 'BEGIN { printf "%.0f", n }'; }

# ---------------------------------------------------------------- measurements

measure_latency() {
    for n in 1 100; do
        new_log
        front
        load_front --streams $n --rows 300 --every 20
        row "latency, $n stream(s), a row each 20 ms" "$(latencies)" "p50 <= 2 ms"
    done
}

measure_idle() {
    new_log
    front
    load_front --streams 1000 --idle 20
    row "idle, 1,000 streams: responder" \
        "$(field '^cpu of=responder when=idle' percent) % of a core" "< 1 %"
    row "idle, 1,000 streams: lighttpd" "$(field '^cpu of=lighttpd when=idle' percent) % of a core"
}

deliveries() { # WHERE [GOAL]
    row "1,000 streams x 500 rows, $1" "$(per_second ^deliver) deliveries/s" "${2:-}"
    row "  rows published meanwhile" "$(per_second ^publish) rows/s"
    row "  from COMMIT" "$(latencies)"
    row "  CPU s: responder, lighttpd, generator" \
        "$(field '^cpu of=responder when=deliver' cpu_seconds)  $(field \
            '^cpu of=lighttpd when=deliver' cpu_seconds)  $(field \
            '^cpu of=generator when=deliver' cpu_seconds)"
}

measure_fanout() {
    new_log
    front
    load_front --streams 1000 --rows 500 --normal
    deliveries "behind lighttpd" "1.8-2.2 million"
    new_log
    front
    load_front --streams 1000 --rows 500 --normal --batch 500
    deliveries "lighttpd, one transaction"
    new_log
    alone
    load_alone --streams 1000 --rows 500 --normal
    deliveries "responder alone"
}

measure_many() {
    local n=8500
    if [ "$descriptors" -lt 20000 ]; then # two a stream, of which lighttpd uses 90 %
        n=$((descriptors * 42 / 100))
        echo "note: $descriptors descriptors is the limit here, which carries $n streams, not 8500"
    fi
    new_log
    front
    load_front --streams $n --burst 64 --rows 100 --every 100
    row "$n streams, 10 rows/s, one lighttpd" "$(latencies)"
    row "  memory a stream: responder, lighttpd" \
        "$(field 'memory of=responder when=connected' bytes_a_stream), $(field \
            'memory of=lighttpd when=connected' bytes_a_stream) bytes"
}

measure_memory() {
    local n=10000
    [ "$descriptors" -lt 20000 ] && n=$((descriptors / 2))
    new_log
    alone
    load_alone --streams $n --idle 2
    row "memory, $n idle streams, responder alone" \
        "$(field 'memory of=responder when=connected' bytes_a_stream) bytes a stream" "< 1,024"
    row "  responder in all (PSS), before and with them" \
        "$(field 'memory of=responder when=start' pss_kib), $(field \
            'memory of=responder when=connected' pss_kib) KiB"
}

fill_log() { # ROWS
    set_to buffer_size 1000000
    set_to buffer_bytes 0
    sqlite3 "$db" "INSERT INTO events(type, data)
        WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < $1)
        SELECT 'old', 'row ' || i FROM n"
}

# Sessions that left, each with a bookmark and one event waiting in its mailbox.
fill_sessions() { # SESSIONS
    set_to buffer_ttl 1000000
    sqlite3 -bail "$db.sessions" <"$root/sql/sessions_schema.sql" >/dev/null
    sqlite3 "$db.sessions" "
        WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < $1)
        INSERT INTO sessions(id, token, created_at, last_seen_at, idle_since)
            SELECT printf('%016x', i), printf('%032x', i), 0, 0, 0 FROM n;
        INSERT INTO streams(session_id, responder, subscription, epoch, position, opened_at,
                ended_at)
            SELECT id, 0, '', '00000000', 0, 0, 0 FROM sessions;"
    sqlite3 "$db" "INSERT INTO events(session_id, type, data)
        WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < $1)
        SELECT printf('%016x', i), 'old', 'waiting' FROM n"
}

measure_size() {
    for rows in 10 100000; do
        for absent in 10 100000; do
            new_log
            fill_log $rows
            fill_sessions $absent
            front
            load_front --streams 100 --rows 200 --every 20
            row "100 streams; log $rows, absent sessions $absent" "$(latencies)" "all the same"
        done
    done
}

measure_replay() {
    new_log
    front
    load_front --streams 2000 --missed 1000 --burst 500
    row "2,000 clients resume 1,000 rows, lighttpd" "$(per_second ^replay) events/s" "268,000 nchan"
    new_log
    alone
    load_alone --streams 2000 --missed 1000 --burst 500
    row "2,000 clients resume 1,000 rows, responder alone" "$(per_second ^replay) events/s"
}

one_cgi() { # N
    REQUEST_METHOD=GET PATH_INFO=/events ROWCAST_DB=$db ROWCAST_LOG_TO=$work/rowcast.log \
        "$build/rowcast.fcgi" </dev/null >"$work/cgi.$1" &
    small+=($!)
    await grep -q '^event: connected' "$work/cgi.$1"
}

one_fastcgi() { # N
    "$build/rowcast.fcgi" --db "$db" --listen "$work/small.$1" --log-to "$work/rowcast.log" &
    small+=($!)
    await test -S "$work/small.$1"
    "$build/rowcast-bench" --fastcgi "$work/small.$1" --path /sse/events --streams 1 --idle 15 \
        >/dev/null 2>>"$record" &
    clients+=($!)
}

# As mod_cgi and mod_fcgid have them: a process a stream.  Measured after ten seconds, when what
# only the beginning needed is closed.
measure_small() {
    local kind n i pid
    for kind in cgi fastcgi; do
        for n in 1 20; do
            new_log
            small=() clients=()
            for ((i = 0; i < n; i++)); do "one_$kind" $i; done
            sleep 12
            row "$n process(es), each with one stream, $kind" \
                "$(for pid in "${small[@]}"; do cat "/proc/$pid/smaps_rollup"; done | awk -v n=$n '
                    /^Pss:/ { sum += $2; if ($2 > most) most = $2 }
                    END { printf "%d KiB each, most %d", sum / n, most }') (PSS)" "< 3,072"
            kill -TERM "${small[@]}"
            wait "${small[@]}" ${clients[@]+"${clients[@]}"}
        done
    done
}

measure_claims() {
    new_log
    alone
    load_alone --streams 5000 --burst 1000
    row "connect storm of 5,000, responder alone" "$(per_second ^connect) claims/s"
    new_log
    front
    load_front --streams 5000 --burst 1000
    row "connect storm of 5,000, lighttpd" "$(per_second ^connect) claims/s"
}

# Publishers over HTTP, each with one POST under way, against SQLite's own single-row commits on the
# same disk in the same run.  Then the same on a disk that syncs in 20 ms, with two processes.
measure_publish() {
    local n rows
    for n in 1 64 256; do
        rows=20000
        [ $n = 1 ] && rows=3000
        new_log
        open_publishing
        front
        load --url "$url" --db "$db" --token "$token" --publishers $n --rows $rows --compare
        row "$n publisher(s) over HTTP, lighttpd" "$(per_second ^post) rows/s, refused $(field ^post refused)"
        row "  as many as SQLite's single-row commits" "$(field ^sqlite times) times" "64: >= 1.5"
        row "  answered within" "$(latencies)"
    done
    for n in 1 16 64; do
        new_log
        open_publishing
        SLOW_SYNC_US=20000 LD_PRELOAD=$build/slow_sync.so supervised
        load --url "$url" --db "$db" --token "$token" --publishers $n --rows $((n * 100))
        row "$n publisher(s), sync 20 ms, two processes" \
            "$(per_second ^post) rows/s, refused $(field ^post refused)" "64: >= 8 times one"
        row "  answered within" "$(latencies)"
    done
}

# A deploy at noon: the processes are replaced while rows come, and every stream has to be back.
measure_deploy() {
    local n=5000
    [ "$descriptors" -lt 12000 ] && n=$((descriptors * 42 / 100))
    new_log
    set_to buffer_size 10000
    supervised
    load_front --streams $n --rows 400 --every 100 --hup "$supervisor"
    row "$n streams, processes replaced: back" \
        "$(field ^returned returns) in $(($(field ^returned last_second) + 1)) s" "once each"
    row "  most of them in one second, refused" \
        "$(field ^returned most_in_a_second), $(field ^check refused)" "a few hundred, 0"
    row "  away, mean" "$(field ^returned mean_away_ms) ms"
    awk '/^return /{ sub(/second=/, "", $2); sub(/streams=/, "", $3)
        bar = sprintf("%*s", $3 / 10, ""); gsub(/ /, "#", bar)
        printf "    second %3d  %4d %s\n", $2, $3, bar }' "$work/out"
}

[ $# -gt 0 ] || set -- latency idle fanout many memory small size replay claims deploy publish
row "what" "measured" "goal"
row "----" "--------" "----"
for name in "$@"; do
    "measure_$name"
done
echo "All lines of the generator: $record"
if [ "$failures" -gt 0 ]; then
    echo "$failures measurement(s) were not complete"
    exit 1
fi
