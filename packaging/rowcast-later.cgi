#!/bin/sh
# What the web server says instead of an error of its own while Rowcast does not answer.  The
# example configurations of lighttpd and Apache name it as the page of such errors.
#
# An EventSource that meets any status but 200 is dead until its page is loaded anew.  So who asks
# for the stream is told to come later, and every other request is told what is the matter.  What
# Rowcast itself answers, also 4xx and 5xx, never comes here.
#
# It is started for each request just when the machine may be busy: only what the shell can do
# itself, no process more.
set -f

# 200 is who calls this by its address; else what the server would have said.
status=${REDIRECT_STATUS:-200}
# lighttpd forgets how the browser asked; its configuration calls /rowcast-down for what is no GET.
method=${REDIRECT_REQUEST_METHOD:-${REQUEST_METHOD:-GET}}
path=${REQUEST_URI:-}
path=${path%%\?*}

case $method:${path%/}:${SCRIPT_NAME:-} in
*:/rowcast-down) stream=no ;;
*:*/broadcast:* | *:*/send:* | *:*/disconnect:* | *:*/stats:*) stream=no ;;
GET:* | HEAD:*) stream=yes ;;
*) stream=no ;;
esac

case $status:$stream in
5??:yes)
    # Between 2 and 6 s, another time for each: numbers of processes that follow each other are far
    # apart after the multiplication, so that 1,000 browsers do not come back in one moment.
    printf 'Status: 200 OK\r\nContent-Type: text/event-stream\r\n'
    printf 'Cache-Control: no-store, no-transform\r\nX-Accel-Buffering: no\r\n\r\n'
    printf 'event: later\nretry: %d\n\n' $((2000 + $$ * 1597 % 4001))
    exit
    ;;
5??:no)
    # It may have been carried out all the same; with a dedup_key it is safe to repeat.
    line='Status: 503 Service Unavailable'
    after='Retry-After: 3\r\n'
    error='the event stream service does not answer now'
    ;;
200:*)
    line='Status: 404 Not Found'
    after=
    error='nothing is here; the web server calls this when Rowcast does not answer'
    ;;
*)
    line="Status: $status"
    after=
    error='the web server refused the request'
    ;;
esac
printf '%s\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n' "$line"
printf "$after\\r\\n"'{"error":"%s"}\n' "$error"
# Apache's mod_cgid loses an answer (1 of 16; measured) whose program left the body unread.
[ "${CONTENT_LENGTH:-0}" = 0 ] || exec cat >/dev/null
