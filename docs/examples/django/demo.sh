#!/bin/bash
#
# Runs the demo: nginx with the notify module, Django behind it.  All that it
# writes is in DEMO_DIR.  "demo.sh help" tells what it reads from the
# environment.

set -u
umask 022
export LC_ALL=C.UTF-8

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$here/../../.." && pwd -P)
default_dir=$root/build/demo

DEMO_DIR=$(realpath -m "${DEMO_DIR:-$default_dir}")
DEMO_PORT=${DEMO_PORT:-8080}
DEMO_PUSH_PORT=${DEMO_PUSH_PORT:-8081}
DEMO_USER=${DEMO_USER:-}
CELERY_BROKER_URL=${CELERY_BROKER_URL:-}
NOTIFY_MODULE=$(realpath -m \
    "${NOTIFY_MODULE:-$root/build/ngx_http_notify_module.so}")
NDK_MODULE=${NDK_MODULE:-/usr/lib/nginx/modules/ndk_http_module.so}
DEMO_NGINX=${DEMO_NGINX:-/usr/sbin/nginx}
PYTHON=/usr/bin/python3

connections=4096        # of each worker
start_seconds=30        # how long to wait for an answer
stop_seconds=10         # how long to wait for an end, before it is enforced
django_socket=$DEMO_DIR/data/django.sock
drop=()                 # in front of what must not run as root

self=$here/demo.sh
if [ "$DEMO_DIR" != "$default_dir" ]; then
    self="DEMO_DIR=$DEMO_DIR $self"
fi


usage() {
    cat <<END
usage: demo.sh start | stop | status | manage COMMAND ...

"manage" runs Django's manage.py with the settings of the running demo.
From the environment, with what they are now:

    DEMO_PORT=$DEMO_PORT
    DEMO_PUSH_PORT=$DEMO_PUSH_PORT
    DEMO_DIR=$DEMO_DIR
    DEMO_USER=$DEMO_USER
        who runs it when root starts it; by default www-data, or the owner
        of this folder if www-data cannot read it
    CELERY_BROKER_URL=$CELERY_BROKER_URL
        a Redis, as redis://127.0.0.1:6379/0, through which a Celery worker
        gets its tasks; by default tasks run at once, where they are called
    NOTIFY_MODULE=$NOTIFY_MODULE
    NDK_MODULE=$NDK_MODULE
    DEMO_NGINX=$DEMO_NGINX
END
}


die() {
    printf 'demo: %s\n' "$@" >&2
    exit 1
}


# A daemon holds the lock of its name from before its first instruction until
# its last child is gone.  So the lock tells whether it runs, as no pid can.

runs() {
    [ -e "$DEMO_DIR/run/$1.lock" ] \
        && ! flock -n "$DEMO_DIR/run/$1.lock" true
}


spawn() {
    local name=$1
    shift

    (
        exec 9>"$DEMO_DIR/run/$name.lock" || exit
        flock -n 9 || exit
        cd "$DEMO_DIR" || exit
        exec setsid "$@"
    ) >>"$DEMO_DIR/logs/$name.log" 2>&1 </dev/null &

    # the pid is also that of the process group, thanks to setsid
    echo $! >"$DEMO_DIR/run/$name.pid"
}


end() {
    local name=$1 lock=$DEMO_DIR/run/$1.lock pid

    runs "$name" || return 0

    # the group, if its leader was killed and the children go on
    read -r pid <"$DEMO_DIR/run/$name.pid" \
        && { kill -TERM "$pid" || kill -TERM "-$pid"; } 2>/dev/null \
        || die "$name runs, and cannot be stopped by $(id -un)"

    flock -w "$stop_seconds" "$lock" true && return

    echo "demo: $name does not stop, killing it" >&2
    kill -KILL "-$pid"
    flock -w "$stop_seconds" "$lock" true || die "$name does not stop"
}


end_all() {
    end nginx
    end celery
    end django
}


listens() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}


# Whether the log-in page comes through nginx from Django.

answers() (
    exec 3<>"/dev/tcp/127.0.0.1/$DEMO_PORT" || exit
    printf 'GET /login/ HTTP/1.0\r\nHost: 127.0.0.1:%s\r\n\r\n' \
        "$DEMO_PORT" >&3
    read -r -t "$start_seconds" _ status _ <&3
    [ "$status" = 200 ]
) 2>/dev/null


set_drop() {
    drop=()
    if [ "$(id -un)" != "$1" ]; then
        drop=(setpriv --reuid "$1" --regid "$(id -gn "$1")" --init-groups)
    fi
}


manage() {
    "${drop[@]}" "$PYTHON" "$here/manage.py" "$@"
}


check_programs() {
    [ -x "$DEMO_NGINX" ] \
        || die "there is no $DEMO_NGINX, run \"make deps\" or set DEMO_NGINX"
    [ -r "$NDK_MODULE" ] \
        || die "there is no $NDK_MODULE, run \"make deps\" or set NDK_MODULE"
    [ -r "$NOTIFY_MODULE" ] || die \
        "there is no $NOTIFY_MODULE, run \"make build\" or set NOTIFY_MODULE"

    "$PYTHON" -c "import celery, django, gunicorn, redis, urllib3" \
        || die "$PYTHON lacks a package, run \"make deps\""
}


check_ports() {
    local name

    for name in DEMO_PORT DEMO_PUSH_PORT; do
        [[ ${!name} =~ ^[1-9][0-9]{0,4}$ ]] && [ "${!name}" -le 65535 ] \
            || die "invalid $name \"${!name}\", set it to a port number"
        ! listens "${!name}" \
            || die "port ${!name} is in use, set $name to a free one"
    done

    [ "$DEMO_PORT" != "$DEMO_PUSH_PORT" ] || die \
        "DEMO_PORT and DEMO_PUSH_PORT are both $DEMO_PORT, change one of them"
}


check_paths() {
    # what is free of meaning in nginx's configuration and in sed
    [[ $DEMO_DIR$NOTIFY_MODULE$NDK_MODULE =~ ^[A-Za-z0-9/._+,:=~-]*$ ]] \
        || die "\"$DEMO_DIR\" or a module's path has a character that" \
               "nginx.conf cannot take as it is, set DEMO_DIR to another"

    # struct sockaddr_un has room for 107 bytes
    [ ${#DEMO_DIR} -lt 90 ] || die \
        "\"$DEMO_DIR\" is too long for a unix socket, set DEMO_DIR"
}


can_run_as() {
    set_drop "$1"
    "${drop[@]}" test -r "$here/manage.py" -a -x "$DEMO_DIR"
} 2>/dev/null


choose_user() {
    local owner

    owner=$(stat -c %U "$here")

    if [ "$(id -u)" != 0 ]; then
        DEMO_USER=$(id -un)

    elif [ -n "$DEMO_USER" ]; then
        can_run_as "$DEMO_USER" \
            || die "$DEMO_USER cannot read $here or $DEMO_DIR"

    elif can_run_as www-data; then
        DEMO_USER=www-data

    else
        DEMO_USER=$owner
        can_run_as "$owner" || die \
            "neither www-data nor $owner can read $here and $DEMO_DIR," \
            "set DEMO_USER to one who can"
        echo "demo: www-data cannot read $here, running as $owner" >&2
    fi

    set_drop "$DEMO_USER"
}


# What root reads, or decides by, stays root's: run, logs and env.

lay_out() {
    local dir

    mkdir -p "$DEMO_DIR/run" "$DEMO_DIR/logs" || die "cannot make $DEMO_DIR"

    choose_user

    for dir in data static tmp; do
        mkdir -p "$DEMO_DIR/$dir" \
            && chown -Rh "$DEMO_USER:$(id -gn "$DEMO_USER")" "$DEMO_DIR/$dir" \
            || die "cannot make $DEMO_DIR/$dir"
    done

    # the database, and the names of sessions in nginx's cache
    chmod 700 "$DEMO_DIR/data" "$DEMO_DIR/tmp" || die "cannot chmod"
}


# What Django must know, here and in "demo.sh manage".

write_env() {
    local key

    key=$(read_env 2>/dev/null && echo "$DJANGO_SECRET_KEY") \
        || key=$("$PYTHON" -c \
                 'import secrets; print(secrets.token_urlsafe(50))') \
        || die "cannot make a key"

    (
        umask 077
        cat >"$DEMO_DIR/env" <<END
DEMO_USER=$DEMO_USER
DEMO_PORT=$DEMO_PORT
DEMO_PUSH_PORT=$DEMO_PUSH_PORT
export DJANGO_SETTINGS_MODULE=demo.settings
export DJANGO_SECRET_KEY=$key
export NOTIFY_PUSH_URL=http://127.0.0.1:$DEMO_PUSH_PORT/new/
export CELERY_BROKER_URL=$(printf %q "$CELERY_BROKER_URL")
END
    ) || die "cannot write $DEMO_DIR/env"
}


read_env() {
    [ -r "$DEMO_DIR/env" ] \
        || die "there is no demo in $DEMO_DIR, start it or set DEMO_DIR"

    # shellcheck disable=SC1091
    . "$DEMO_DIR/env"
    export DEMO_DIR PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1
    set_drop "$DEMO_USER"
}


write_nginx_conf() {
    local user=

    if [ "$(id -u)" = 0 ]; then
        user="user $DEMO_USER $(id -gn "$DEMO_USER");"
    fi

    sed -e "s|@NDK@|$NDK_MODULE|" -e "s|@NOTIFY@|$NOTIFY_MODULE|" \
        -e "s|@USER@|$user|" -e "s|@DIR@|$DEMO_DIR|g" \
        -e "s|@CONNECTIONS@|$connections|" \
        -e "s|@SOCKETS@|$((connections * 3 / 4))|" \
        -e "s|@DESCRIPTORS@|$((connections + 512))|" \
        -e "s|@PORT@|$DEMO_PORT|" -e "s|@PUSH_PORT@|$DEMO_PUSH_PORT|" \
        "$here/nginx.conf.in" >"$DEMO_DIR/nginx.conf" \
        || die "cannot write $DEMO_DIR/nginx.conf"

    "$DEMO_NGINX" -q -t -e "$DEMO_DIR/logs/error.log" \
        -c "$DEMO_DIR/nginx.conf" \
        || die "nginx refuses $DEMO_DIR/nginx.conf"
}


prepare_django() {
    local log=$DEMO_DIR/logs/manage.log

    {
        manage migrate --no-input \
            && manage collectstatic --no-input \
            && manage seed_demo
    } >"$log" 2>&1 || die "Django cannot start" "$(tail -n 5 "$log")"
}


wait_until() {
    local complaint=$1 deadline=$((SECONDS + start_seconds))
    shift

    until "$@"; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            end_all
            die "$complaint, see $DEMO_DIR/logs"
        fi
        sleep 0.1
    done
}


spawn_all() {
    rm -f "$django_socket"
    spawn django "${drop[@]}" "$PYTHON" -m gunicorn \
        --bind "unix:$django_socket" \
        --workers 2 --threads 4 --graceful-timeout 5 demo.wsgi

    wait_until "no Django" test -S "$django_socket"

    spawn nginx "$DEMO_NGINX" -e "$DEMO_DIR/logs/error.log" \
        -c "$DEMO_DIR/nginx.conf" -g 'daemon off;'

    if [ -n "$CELERY_BROKER_URL" ]; then
        spawn celery "${drop[@]}" "$PYTHON" -m celery --app demo worker \
            --concurrency 2 --loglevel INFO
    fi
}


welcome() {
    cat <<END

The demo runs at http://127.0.0.1:$DEMO_PORT/

Log in with one of these (id, name, password), best in several tabs:

$(manage seed_demo | sed 's/^/    /')

In a second terminal, send alice a message and watch the bubble:

    $self manage send_message bob alice "hi"

or push to her pages what Django would, past Django:

    curl -H 'Content-Type: application/json' -d '{"unread": 7}' \\
         http://127.0.0.1:$DEMO_PUSH_PORT/new/1

Stop it:

    $self stop
END
}


start() {
    if runs nginx && runs django && answers; then
        read_env
        echo "The demo is running already."
        welcome
        return
    fi

    end_all
    check_programs
    check_ports
    check_paths
    lay_out
    write_env
    read_env
    write_nginx_conf
    prepare_django
    spawn_all
    wait_until "no answer on port $DEMO_PORT" answers
    welcome
}


status() {
    local name rc=3

    for name in nginx django celery; do
        if runs "$name"; then
            echo "$name runs, its pid is $(cat "$DEMO_DIR/run/$name.pid")"
            rc=0
        else
            echo "$name does not run"
        fi
    done

    return $rc
}


case ${1:-} in
start)
    start
    ;;
stop)
    end_all
    ;;
status)
    status
    ;;
manage)
    shift
    read_env
    manage "$@"
    ;;
help)
    usage
    ;;
*)
    usage >&2
    exit 2
    ;;
esac
