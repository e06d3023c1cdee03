#!/bin/sh
# Answers requests for the web server while Rowcast does not answer.  The example configurations of
# lighttpd and Apache call it in place of their own error pages.
#
# An EventSource that gets any status but 200 is dead until its page is reloaded.  So this tells a
# stream to come later, and every other request what is wrong.  What Rowcast itself answers, also
# 4xx and 5xx, never comes here.
#
# The web server starts it for each request, just when the machine may be busy.  So it uses only
# what the shell can do itself, and starts no further process.
set -f

# The status that the server would have sent; 200 if somebody called this script by its address.
status=${REDIRECT_STATUS:-200}
# lighttpd forgets the browser's method; its configuration calls /rowcast-down for all but GET.
method=${REDIRECT_REQUEST_METHOD:-${REQUEST_METHOD:-GET}}
path=${REQUEST_URI:-}
path=${path%%\?*}

case $method:${path%/}:${SCRIPT_NAME:-} in
*:/rowcast-down) stream=no ;;
*:*/broadcast:* | *:*/send:* | *:*/batch:* | *:*/disconnect:* | *:*/stats:* | *:*/history:*)
    stream=no
    ;;
GET:* | HEAD:*) stream=yes ;;
*) stream=no ;;
esac
# A poll that accepts JSON alone could not read a stream, and Rowcast itself would answer it with 503.
case ${HTTP_ACCEPT:-},${REQUEST_URI:-}\& in
*text/event-stream*) ;;
*application/json*[?\&]wait=0\&*) stream=no ;;
esac

case $status:$stream in
5??:yes)
    # A different time between 2 and 6 s for each: process numbers follow each other, but are far
    # apart after the multiplication, so that 1,000 browsers do not come back at the same moment.
    printf 'Status: 200 OK\r\nContent-Type: text/event-stream\r\n'
    printf 'Cache-Control: no-store, no-transform\r\nX-Accel-Buffering: no\r\n\r\n'
    printf 'event: later\nretry: %d\n\n' $((2000 + $$ * 1597 % 4001))
    exit
    ;;
5??:no)
    # The request may have been carried out all the same; with a dedup_key it is safe to repeat it.
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
# Apache's mod_cgid loses the answer of a program that left the body unread (1 of 16; measured).
[ "${CONTENT_LENGTH:-0}" = 0 ] || exec cat >/dev/null
