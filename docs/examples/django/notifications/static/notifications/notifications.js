/*
 * Keeps the bubble with the number of unread notifications right while the
 * page is open.  The bubble's element says where: data-socket is the location
 * of notify_socket, data-count answers {"unread": N}, or 401 when logged out.
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
    let openedAt = 0;        /* ms, or 0: it never opened */
    let failures = 0;        /* waits since a socket last was a success */
    let timer = 0;
    let pending = null;      /* what the timer will do */
    let news = 0;            /* sockets opened and counts pushed so far */
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
             * and an answer from before the socket opened may miss a push.
             */

        } while (news !== before);

        updateUnreadNotificationCount(count);

        return true;
    }


    function connect() {
        const url = new URL(bubble.dataset.socket, location.href);

        url.protocol = url.protocol.replace("http", "ws");

        openedAt = 0;
        setState("connecting");

        socket = new WebSocket(url);
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


    /*
     * What was pushed while there was no socket is not sent again: each
     * socket that opens, the first one too, asks for the count.
     */

    function onopen() {
        openedAt = Date.now();
        news++;
        setState("open");

        fetchUnreadNotificationCount().then((loggedIn) => {
            if (!loggedIn) {
                logOut();
            }
        }, () => {});
    }


    function onmessage(event) {
        let count;

        if (event.data !== "") {
            try {
                count = JSON.parse(event.data).unread;

            } catch (error) {
                return;
            }

            if (!Number.isInteger(count)) {
                return;      /* it is about something else */
            }
        }

        news++;
        updateUnreadNotificationCount(count);
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
