/*
 * Keeps the bubble with the number of unread notifications right while the
 * page is open.  The bubble's element says where: data-socket is the location
 * of notify_socket, data-last-id the last push from before the number in it was
 * asked for, data-count answers {"unread": N}, or 401 when logged out.
 *
 * Each socket resumes behind the last message that the page has, so that none
 * is missed, and none comes twice.  The count is asked for where nginx says
 * that some are gone; and whenever a socket comes back, as a push that nginx
 * never got is in no history.
 *
 * data-state of the same element tells how it stands: "connecting", "open",
 * "closed" (and will try again); "logged-out", "replaced" and "left" (and
 * will not).
 */
(function () {
    "use strict";

    const bubble = document.getElementById("unread-notifications");

    const BASE = 5000;       /* ms, how long the first wait may be */
    const CAP = 60000;       /* ms, how long any wait may be */
    const STABLE = 10000;    /* ms, a socket open for so long was a success */
    const PATIENCE = 20000;  /* ms, how long to wait for the count */

    let socket = null;
    let lastId = bubble.dataset.lastId;     /* "": the page knows none */
    let unsure = !lastId;    /* the number may be wrong: to be asked for */
    let opened = 0;          /* sockets so far */
    let openedAt = 0;        /* ms, or 0: it never opened */
    let failures = 0;        /* waits since a socket last was a success */
    let timer = 0;
    let pending = null;      /* what the timer will do */
    let news = 0;            /* gaps, and counts pushed so far */
    let asking = null;       /* the promise of the count, while it is asked */


    function setState(state) {
        bubble.dataset.state = state;
    }


    function isState(state) {
        return bubble.dataset.state === state;
    }


    /* A push carries the new count; one without it means one more. */

    function updateUnreadNotificationCount(count) {
        const unread = (count === undefined)
                       ? Number(bubble.textContent) + 1 : count;

        bubble.textContent = unread;
        bubble.hidden = (unread === 0);
    }


    /*
     * Asks for the count.  Resolves to whether this browser is still logged
     * in; rejects when that is not known.
     */

    function fetchUnreadNotificationCount() {
        if (asking === null) {
            asking = ask().finally(() => { asking = null; });
        }

        return asking;
    }


    async function ask() {
        let before, count;

        do {
            before = news;

            const response = await fetch(bubble.dataset.count, {
                cache: "no-store",
                signal: AbortSignal.timeout?.(PATIENCE)
            });

            if (response.status === 401) {
                return false;
            }

            if (!response.ok) {
                throw new Error("count: status " + response.status);
            }

            count = (await response.json()).unread;

            /*
             * A push that overtook the answer may be older than it or newer,
             * and an answer from before a gap may be from within it.
             */

        } while (news !== before);

        unsure = false;
        updateUnreadNotificationCount(count);

        return true;
    }


    function connect() {
        const url = new URL(bubble.dataset.socket, location.href);

        url.protocol = url.protocol.replace("http", "ws");

        if (lastId) {
            url.searchParams.set("last_id", lastId);
        }

        openedAt = 0;
        setState("connecting");

        socket = new WebSocket(url, "notify.v1");
        socket.onopen = onopen;
        socket.onmessage = onmessage;
        socket.onclose = onclose;
    }


    function disconnect(state) {
        clearTimeout(timer);
        pending = null;

        if (socket !== null) {
            socket.onopen = socket.onmessage = socket.onclose = null;
            socket.close();
            socket = null;
        }

        setState(state);
    }


    function logOut() {
        disconnect("logged-out");
        updateUnreadNotificationCount(0);
    }


    function onopen() {
        openedAt = Date.now();
    }


    function onmessage(event) {
        const frame = JSON.parse(event.data);

        if (frame.hello) {
            onhello(frame.hello);

        } else {
            lastId = frame.id;
            onpush(frame.data);
        }
    }


    /*
     * The first frame.  What was pushed behind the last message that the page
     * has comes next, unless there is a gap.
     */

    function onhello(hello) {
        const back = (opened++ > 0);

        unsure = unsure || hello.gap;
        lastId = hello.id;
        setState("open");

        if (unsure || back) {
            news++;
            refresh(socket);
        }
    }


    function refresh(asker) {
        fetchUnreadNotificationCount().then((loggedIn) => {
            if (!loggedIn) {
                logOut();
            }
        }, () => {
            if (unsure) {
                asker.close();  /* it is asked for with the next one */
                return;
            }

            setTimeout(() => {
                if (socket === asker) {
                    refresh(asker);
                }
            }, (1 + Math.random()) / 2 * CAP);
        });
    }


    function onpush(data) {
        if (data !== "" && !Number.isInteger(data?.unread)) {
            return;          /* it is about something else */
        }

        news++;
        updateUnreadNotificationCount(data === "" ? undefined : data.unread);
    }


    function onclose(event) {
        socket = null;
        setState("closed");

        if (openedAt !== 0 && Date.now() - openedAt > STABLE) {
            failures = 0;
        }

        if (event.code === 4401 || event.code === 4403) {
            /* the session expired, the user was logged out */
            askThenConnect();

        } else if (event.code === 4409) {
            /* to come back would close a newer page's, which would ... */
            setState("replaced");

        } else if (openedAt === 0) {
            /* a handshake refused with 401 looks as a server that is down */
            askThen(connect);

        } else {
            wait(connect);
        }
    }


    /*
     * After 4401 and 4403 nothing but an answer that this browser is logged
     * in opens a socket again: the user may have logged out in another one.
     */

    function askThenConnect() {
        askThen(askThenConnect);
    }


    function askThen(nextIfUnknown) {
        fetchUnreadNotificationCount().then((loggedIn) => {
            if (!loggedIn) {
                logOut();

            } else if (isState("closed")) {
                wait(connect);
            }

        }, () => {
            if (isState("closed")) {
                wait(nextIfUnknown);
            }
        });
    }


    /* The whole wait is random, or all pages would come back at once. */

    function wait(next) {
        const limit = Math.min(CAP, BASE * 2 ** Math.min(failures, 10));

        failures++;
        pending = next;

        timer = setTimeout(() => {
            pending = null;
            next();
        }, Math.random() * limit);
    }


    /* A page that is left says so, instead of being found dead later ... */

    window.addEventListener("pagehide", () => {
        disconnect("left");
    });


    /* ... and the browser's back button may bring it back as it was. */

    window.addEventListener("pageshow", (event) => {
        if (event.persisted) {
            failures = 0;
            connect();
        }
    });


    window.addEventListener("online", () => {
        if (pending !== null) {
            clearTimeout(timer);
            failures = 0;
            wait(pending);
        }
    });


    connect();
})();
