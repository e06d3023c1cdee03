#!/usr/bin/env bash
# Who may include whom (ARCHITECTURE.md, The rooms).  Prints each thing that breaks a rule, and fails
# if there is one, or if a rule could not be checked.  tests/layout_test.sh sees that it can fail.
#
#   1  The rooms of fcgi/ have an order.  A file includes its own room and the ones before it.
#   2  Neither fcgi/stream/* nor fcgi/hub/hub* sees the store or its libraries, by whatever header,
#      so the event loop cannot block on a store.
#   3  Of store/, every room may include the plain values.  store.h and address.h are for those who
#      have a connection: request, process, and hub but for hub*.
#   4  The other headers of store/ are for store/ alone, an engine's for that engine alone, and
#      store/ never includes fcgi/: it knows no HTTP.
#   5  One library, one place.
#   6  A contract test is about any engine: only that engine's half of its world names one, or SQL.
#
# Beyond these: each file is in a room, no two files have a static function of one name or one with
# the name of a global function, and no files use each other in a circle.
set -u
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 2
broken=0

bad() {
    echo "$*"
    broken=1
}

# ---- rooms -----------------------------------------------------------------------------------

in_a_room='^(fcgi/(base|stream|request|hub|process)|store|store/sqlite)/[a-z0-9_]+\.[ch]$'
strays=$({
    find fcgi store -type f ! -name '.*' ! -name '*~'
    find . \( -name '.?*' -o -name 'build*' -o -name node_modules -o -path ./tests \) -prune \
        -o -type f -name '*.[ch]' -print | sed 's|^\./||'
} | sort -u | grep -vE "$in_a_room")
[ -z "$strays" ] || bad "in no room:" $strays

mapfile -t files < <(find fcgi store -type f | grep -E "$in_a_room" | sort)
[ "${#files[@]}" -gt 50 ] || bad "only ${#files[@]} files were found: the rooms are somewhere else"

# ---- rules 1, 3, 4 and 5, by the includes that stand in a file -------------------------------

# FILE, and what it includes: `<` or `"`, and the name.
includes() {
    grep -HE '^[[:space:]]*#[[:space:]]*include' "${files[@]}" |
        sed -E 's/^([^:]*):[^"<]*([<"])([^">]*)[>"].*/\1 \2 \3/'
}

room_order() {
    case $1 in
    fcgi/base/*) echo 1 ;;
    fcgi/stream/*) echo 2 ;;
    fcgi/request/*) echo 3 ;;
    fcgi/hub/*) echo 4 ;;
    fcgi/process/*) echo 5 ;;
    esac
}

# Of store/, from a room of fcgi/.
may_see_store() {
    local file=$1 header=$2
    case $header in
    store/event.h | store/event_id.h | store/subscription.h | store/settings.h | store/bookmark.h | store/rules.h | store/version.h) ;;
    store/store.h | store/address.h)
        case $file in
        fcgi/hub/hub*) return 1 ;;
        fcgi/request/* | fcgi/hub/* | fcgi/process/*) ;;
        *) return 1 ;;
        esac
        ;;
    *) return 1 ;;
    esac
}

# A header of ours.
check_ours() {
    local file=$1 header=$2
    [ -e "$header" ] || { bad "$file: $header is not named by its path from the top"; return; }
    case $file:$header in
    fcgi/*:fcgi/*)
        [ "$(room_order "$header")" -le "$(room_order "$file")" ] || bad "rule 1: $file includes $header"
        ;;
    fcgi/*:store/*) may_see_store "$file" "$header" || bad "rule 3: $file includes $header" ;;
    store/*/*:store/*/*) [ "${file%/*}" = "${header%/*}" ] || bad "rule 4: $file includes $header" ;;
    store/*/*:store/*) ;;
    store/*:store/*/* | store/*:fcgi/*) bad "rule 4: $file includes $header" ;;
    store/*:store/*) ;;
    *) bad "$file: $header is not of a room" ;;
    esac
}

# A header of a library: these files alone may have it.
check_library() {
    local file=$1 header=$2 where
    case $header in
    sqlite3.h | sql_text.h) where='store/sqlite/.*' ;;
    hiredis* | */hiredis*) where='store/redis/.*' ;;
    fastcgi.h) where='fcgi/request/fastcgi\.c' ;;
    fcgiapp.h | fcgi_stdio.h | fcgi_config.h | fcgios.h | fcgimisc.h) where='nowhere' ;;
    jansson*.h) where='fcgi/request/json\.c' ;;
    uriparser/*) where='fcgi/request/query\.c' ;;
    sha2.h) where='store/sha256\.c' ;;
    uv.h | uv/*) where='fcgi/(hub/hub|process/supervisor).*' ;;
    *) return ;;
    esac
    [[ $file =~ ^($where)$ ]] || bad "rule 5: $file includes $header"
}

while read -r file how header; do
    case $how:$header in
    *:fcgi/* | *:store/*) check_ours "$file" "$header" ;;
    '":sql_text.h' | '<:'?*) check_library "$file" "$header" ;;
    *) bad "$file: $how $header is not named by its path from the top" ;;
    esac
done < <(includes)

# ---- rule 2, by what the compiler reads ------------------------------------------------------

# -M and not -MM, which would leave out the libraries' headers.
flags=$(make -s print-cflags) && [[ $flags == *-I* ]] || bad "make print-cflags failed: $flags"
for file in fcgi/stream/*.[ch] fcgi/hub/hub*.[ch]; do
    # shellcheck disable=SC2086 # many words
    if ! seen=$(${CC:-cc} $flags -M "$file" 2>&1); then
        bad "rule 2 cannot be checked, the compiler failed: ${CC:-cc} -M $file"$'\n'"$seen"
        break
    fi
    case $seen in
    *"$file"*.h*) ;;
    *) bad "rule 2 cannot be checked: $file has no dependency, says ${CC:-cc} -M"$'\n'"$seen"; break ;;
    esac
    reached=$(grep -oE '[^ ]*(store/store|store/engine|sqlite3|hiredis)\.h' <<<"$seen" | sort -u)
    [ -z "$reached" ] || bad "rule 2:" $reached "reaches $file"
done

# ---- rule 6, by words ------------------------------------------------------------------------

named=$(grep -nE 'sqlite|hiredis|sql_text|store/[a-z_]+/|"[^"]*(SELECT|INSERT|UPDATE|DELETE|PRAGMA) ' tests/contract/*.[ch] |
    grep -vE '^tests/contract/(half|world_[a-z_]+)\.[ch]:')
[ -z "$named" ] || bad "rule 6: $named"
[ -e tests/contract/contract_world.h ] || bad "rule 6 cannot be checked: tests/contract is somewhere else"

# ---- names and circles, by the words of the files --------------------------------------------

# The files without comments, strings and directives, a line at a time: FILE, a tab, the line.
words() {
    awk '
    FNR == 1 { inside = 0 }
    {
        line = $0; out = ""
        while (line != "") {
            if (inside) {
                at = index(line, "*/")
                if (!at) break
                inside = 0; line = substr(line, at + 2)
            } else if (match(line, /\/\*|\/\/|"([^"\\]|\\.)*"|\047([^\047\\]|\\.)*\047/)) {
                what = substr(line, RSTART, 2); out = out substr(line, 1, RSTART - 1)
                if (what == "//") { line = ""; break }
                line = substr(line, RSTART + (what == "/*" ? 2 : RLENGTH))
                if (what == "/*") inside = 1; else out = out "0"
            } else { out = out line; line = "" }
        }
        if (out !~ /^[ \t]*#/ && out !~ /^[ \t]*$/) print FILENAME "\t" out
    }' "${files[@]}"
}

# Functions that a file defines: FILE, `static` or `global`, the name.
functions() {
    awk -F'\t' '
    $2 ~ /^[a-z]/ && $2 !~ /^(typedef|extern|struct [a-z_0-9]+ \{|enum [a-z_0-9]* ?\{)/ &&
    match($2, /[A-Za-z_0-9]+\(/) && $2 !~ /^[^(]*=/ {
        name = substr($2, RSTART, RLENGTH - 1)
        if ($2 ~ /^static /) print $1, "static", name
        else if ($1 ~ /\.c$/) print $1, "global", name
    }' <<<"$text" | sort -u
}

text=$(words)
defined=$(functions)
[ "$(wc -l <<<"$defined")" -gt 500 ] || bad "only $(wc -l <<<"$defined") functions were found"

namesakes=$(awk '
    { files[$3] = files[$3] " " $1; n[$3]++; if ($2 == "static") hidden[$3] = 1 }
    END { for (name in n) if (n[name] > 1 && hidden[name]) print "the name " name " is in" files[name] }
' <<<"$defined" | sort)
[ -z "$namesakes" ] || bad "$namesakes"

# Who uses whom: a header the ones it includes, a .c those whose functions it names.  The files of
# hub_* count as one and those of supervisor_* too, since a loop's callbacks call back.
uses() {
    includes | awk '$1 ~ /\.h$/ { print $1, $3 }'
    { sed 's/^/= /' <<<"$defined"; tr '\t' ' ' <<<"$text"; } | awk '
        $1 == "=" { if ($3 == "global") home[$4] = $2; next }
        $1 ~ /\.c$/ {
            file = $1; sub(/^[^ ]* /, "")
            gsub(/(\.|->)[A-Za-z_][A-Za-z_0-9]*/, " "); gsub(/[^A-Za-z_0-9]+/, " ")
            n = split($0, word, " ")
            for (i = 1; i <= n; i++)
                if (word[i] in home && (file ~ /^fcgi/ || home[word[i]] ~ /^store/))
                    print file, home[word[i]]
        }'
}
things() {
    sed -E 's#(fcgi/hub/hub|fcgi/process/supervisor)\w*\.[ch]#\1_*#g' | awk '$1 != $2' | sort -u
}
circles=$(uses | things | tsort 2>&1 >/dev/null |
    awk '/loop/ { printf "%sin a circle:", line++ ? "\n" : ""; next } { printf " %s", $2 }')
[ -z "$circles" ] || bad "$circles"

exit $broken
