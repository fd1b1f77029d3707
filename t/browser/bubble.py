#!/usr/bin/python3
"""Watches the bubble of the Django example in real browsers.

Run by t/browser.t, which started the demo and set the environment (DEMO_DIR,
DEMO_PORT, DEMO_PUSH_PORT ...) for it.  Prints an "ok" or a "not ok" line for
each thing that was to be seen, and exits with 0 if it got to the end.

    bubble.py DEMO.SH SCREENSHOT.PNG
"""
import collections
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common import utils
from selenium.webdriver.common.by import By

DEMO, SCREENSHOT = sys.argv[1:]
PORT = int(os.environ["DEMO_PORT"])
PUSH_PORT = int(os.environ["DEMO_PUSH_PORT"])
SITE = f"http://127.0.0.1:{PORT}"
DEADLINE = 150

CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--window-size=800,400",
)


def check(good, what, detail=""):
    print(f"{'ok' if good else 'not ok'} - {what}", flush=True)
    if not good and detail != "":
        print(f"# {detail}", flush=True)


def check_soon(get, wanted, what):
    """Waits until get() returns what is wanted.

    A page that is just left may not find what it is asked for.
    """
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            got = get()
        except WebDriverException as error:
            got = error
        if got == wanted or time.monotonic() >= deadline:
            break
        time.sleep(0.05)
    check(got == wanted, what, f"got {got!r}, expected {wanted!r}")


# A bare Debian has no /etc/hosts, so that localhost is not found there: the
# driver and the browser are reached by address.

class Driver(Service):

    @property
    def service_url(self):
        return f"http://127.0.0.1:{self.port}"

    def is_connectable(self):
        return utils.is_connectable(self.port, "127.0.0.1")


class Browser:
    """A browser of its own, with a profile of its own."""

    def __init__(self):
        # what chromium's processes still write when it has gone may stay
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.chromium = subprocess.Popen(
            ["/usr/bin/chromium", *CHROMIUM_FLAGS, "--remote-debugging-port=0",
             f"--user-data-dir={self.profile.name}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        options = Options()
        options.debugger_address = f"127.0.0.1:{self.port()}"
        self.driver = webdriver.Chrome(
            service=Driver("/usr/bin/chromedriver"), options=options
        )
        self.driver.set_page_load_timeout(DEADLINE)

    def port(self):
        """Where chromium is to be spoken to, as soon as it says so."""
        path = os.path.join(self.profile.name, "DevToolsActivePort")
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            try:
                with open(path) as file:
                    return int(file.readline())
            except (OSError, ValueError):
                time.sleep(0.05)
        raise TimeoutError("chromium did not start")

    def log_in(self, name, password):
        self.driver.get(SITE + "/login/")
        self.driver.find_element(By.NAME, "username").send_keys(name)
        self.driver.find_element(By.NAME, "password").send_keys(password)
        self.driver.find_element(By.ID, "log-in").click()
        return Tab(self.driver)

    def open(self, path):
        return self.open_at(SITE + path)

    def open_at(self, url):
        self.driver.switch_to.new_window("tab")
        self.driver.get(url)
        return Tab(self.driver)

    def session(self):
        return self.driver.get_cookie("sessionid")["value"]

    def quit(self):
        self.driver.quit()
        self.chromium.terminate()
        self.chromium.wait()
        self.profile.cleanup()


class Tab:
    """The tab that the browser shows now."""

    def __init__(self, driver):
        self.driver = driver
        self.handle = driver.current_window_handle

    def run(self, script, *args):
        self.driver.switch_to.window(self.handle)
        return self.driver.execute_script(script, *args)

    def load(self, path):
        self.driver.switch_to.window(self.handle)
        self.driver.get(SITE + path)

    def find(self, selector):
        self.driver.switch_to.window(self.handle)
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def close(self):
        self.driver.switch_to.window(self.handle)
        self.driver.close()

    def bubble(self):
        """What the bubble shows, or None when it is not to be seen."""
        bubble = self.find("#unread-notifications")
        return bubble.text if bubble.is_displayed() else None

    def state(self):
        return self.run(
            "return document.getElementById('unread-notifications')"
            ".dataset.state"
        )

    def mark(self):
        """Leaves a mark that a reload would wipe out."""
        self.run("window.mark = 'unmoved'")

    def marked(self):
        return self.run("return window.mark") == "unmoved"

    def watch_close(self):
        """Opens one more socket, by hand, to see what closes it."""
        self.run(
            """
            window.watched = undefined;
            const socket = new (window.Unwatched || WebSocket)(
                location.origin.replace("http", "ws") + "/client");
            socket.onopen = () => { window.watched = "open"; };
            socket.onclose = (event) => { window.watched = event.code; };
            """
        )
        check_soon(self.watched, "open", "a page can open a socket by hand")

    def watch_opening(self):
        """Counts the sockets that the page opens from now on by itself."""
        self.run(
            """
            window.opened = 0;
            window.Unwatched = WebSocket;
            window.WebSocket = class extends WebSocket {
                constructor(...args) {
                    super(...args);
                    this.addEventListener("open", () => window.opened++);
                }
            };
            """
        )

    def opened(self):
        return self.run("return window.opened")

    def watched(self):
        return self.run("return window.watched")


class Proxy:
    """Stands between a browser and the site, and can be slow about it.

    While a path is held, the answer to a request has come and is not passed
    on; a handshake has not even been sent.
    """

    def __init__(self):
        self.seen = collections.Counter()   # paths, once they could be held
        self.gates = {}
        self.cutting = []                   # the sockets of WebSockets
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.site = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(
                target=self.serve, args=[client], daemon=True
            ).start()

    def serve(self, client):
        with client, client.makefile("rb") as request:
            lines = []
            while (line := request.readline()) not in (b"\r\n", b""):
                lines.append(line)
            if not lines:
                return
            path = lines[0].split()[1].split(b"?")[0].decode()

            # A browser asks for it when it likes: Django is not to.
            if path == "/favicon.ico":
                client.sendall(
                    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n"
                    b"Connection: close\r\n\r\n"
                )
                return

            headers = {
                name.lower(): value.strip()
                for name, value in (line.split(b":", 1) for line in lines[1:])
            }
            with socket.create_connection(("127.0.0.1", PORT)) as site:
                if b"upgrade" in headers:
                    self.wait(path)
                    site.sendall(b"".join(lines) + b"\r\n")
                    self.cutting += [client, site]
                    self.pass_on(client, site)
                    return
                lines = [
                    line
                    for line in lines
                    if not line.lower().startswith(b"connection:")
                ]
                site.sendall(b"".join(lines) + b"Connection: close\r\n\r\n")
                site.sendall(request.read(int(headers.get(
                    b"content-length", 0))))
                answer = b"".join(iter(lambda: site.recv(65536), b""))
            self.wait(path)
            client.sendall(answer)

    def wait(self, path):
        gate = self.gates.get(path)
        self.seen[path] += 1
        if gate:
            gate.wait(DEADLINE)

    @staticmethod
    def pass_on(client, site):
        def copy(source, target):
            try:
                while data := source.recv(65536):
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        back = threading.Thread(target=copy, args=[site, client], daemon=True)
        back.start()
        copy(client, site)
        back.join()

    def hold(self, path):
        self.gates[path] = threading.Event()
        return self.seen[path]

    def release(self, path):
        self.gates.pop(path).set()

    def cut(self):
        for sock in self.cutting:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.cutting.clear()


def waits_for_django():
    """How many requests nginx has sent to a Django that does not answer."""
    path = os.path.join(os.environ["DEMO_DIR"], "data", "django.sock")
    listening = subprocess.run(
        ["ss", "-xlnH"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return sum(
        int(line.split()[2])
        for line in listening.splitlines()
        if path in line.split()
    )


def stop_django(how):
    with open(os.path.join(os.environ["DEMO_DIR"], "run", "django.pid")) as f:
        os.killpg(int(f.read()), how)


def manage(*command):
    return subprocess.run(
        [DEMO, "manage", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE,
    )


def send_message(sender, recipient, text):
    done = manage("send_message", sender, recipient, text)
    if done.returncode != 0:
        raise RuntimeError(done.stdout)
    return done.stdout


def read_one_silently(user):
    """As if the push of the new count had failed for good."""
    done = manage(
        "shell",
        "-c",
        "from django.utils import timezone;"
        "from notifications.models import Notification;"
        f"n = Notification.objects.filter(user_id={user}).unread().first();"
        "n.read_at = timezone.now(); n.save()",
    )
    if done.returncode != 0:
        raise RuntimeError(done.stdout)


def request(port, method, path, headers=None):
    """The status and headers of the answer."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=DEADLINE
    )
    connection.request(method, path, headers=headers or {})
    response = connection.getresponse()
    return connection, response.status, response.headers


def push(method, user):
    connection, status, headers = request(PUSH_PORT, method, f"/new/{user}")
    connection.close()
    if status != 200:
        raise RuntimeError(f"{method} /new/{user}: {status}")
    return headers


def sockets(user):
    return int(push("HEAD", user)["Notify-Sockets"])


def handshake(path="/client", **headers):
    """The connection and the status that a handshake led to."""
    connection, status, _ = request(
        PORT,
        "GET",
        path,
        {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            **{name.replace("_", "-"): text for name, text in headers.items()},
        },
    )
    return connection, status


def refused(**headers):
    connection, status = handshake(**headers)
    connection.close()
    return status


def bubble_moves(alice, bob, first, second, other):
    for tab in (first, second, other):
        check_soon(tab.state, "open", "a page opens its socket")
        check(tab.bubble() is None, "the bubble is hidden at first")
        tab.mark()

    send_message("bob", "alice", "hi")
    check_soon(first.bubble, "1", "the bubble appears in a tab of the user")
    check_soon(second.bubble, "1", "and in the user's other tab")
    check(other.bubble() is None, "and not in another user's tab")

    send_message("bob", "alice", "hi again")
    check_soon(first.bubble, "2", "the bubble moves when it was there")
    check_soon(second.bubble, "2", "in both tabs")

    # Had alice's messages come to bob too, his bubble would say 3.
    send_message("alice", "bob", "hello")
    check_soon(other.bubble, "1", "the other user is told of his message only")
    check(first.bubble() == "2", "which does not move the bubble elsewhere")

    form = bob.open("/send/")
    form.find("#id_recipient option:nth-child(2)").click()
    form.find("#id_text").send_keys("from the form")
    form.find("#send").click()
    check_soon(first.bubble, "3", "a message sent by the form moves it")
    check_soon(second.bubble, "3", "in both tabs")

    first.find("nav")
    alice.driver.save_screenshot(SCREENSHOT)

    push("GET", 1)
    check_soon(first.bubble, "4", "an empty message counts one")
    check_soon(second.bubble, "4", "in both tabs")

    for tab in (first, second, other):
        check(tab.marked(), "no page was loaded again")


def marking_as_read_hides_it(first, second):
    second.load("/")
    second.find("#mark-all-read").click()
    check_soon(first.bubble, None, "what one tab marks as read, all tabs know")
    check_soon(second.bubble, None, "the tab itself too")
    check_soon(second.state, "open", "the new page opens its socket")
    check_soon(
        lambda: sockets(1), 2, "a page that is left takes its socket with it"
    )
    check(first.marked(), "the other tab was not loaded again")


def socket_is_of_the_session(alice):
    session = f"sessionid={alice.session()}"
    before = sockets(1), sockets(2)

    connection, status = handshake(
        "/client?user_id=2", Cookie=session, X_User="2"
    )
    check(status == 101, "a session opens a socket", status)
    check_soon(
        lambda: (sockets(1), sockets(2)),
        (before[0] + 1, before[1]),
        "which is of its own user, whoever the browser says it is",
    )
    connection.close()
    check_soon(lambda: sockets(1), before[0], "and closes with the connection")

    check(refused() == 401, "no session: 401")
    check(refused(X_User="1") == 401, "no session but a name: 401")
    check(refused(Cookie="sessionid=none") == 401, "a wrong session: 401")
    check(
        refused(Cookie=session, Origin="http://elsewhere.example") == 403,
        "a page from elsewhere: 403",
    )
    _, status, _ = request(
        PORT, "GET", "/_notify_auth", {"Cookie": session}
    )
    check(status == 404, "the question who it is cannot be asked from outside")


def count_comes_back_with_the_socket(first, second, other):
    subprocess.run([DEMO, "stop"], check=True, timeout=DEADLINE)
    check_soon(first.state, "closed", "the socket closes with the server")

    said = send_message("bob", "alice", "is anybody there?")
    check(
        "alice has 1 unread" in said,
        "a push that fails stops neither the message nor its notification",
        said,
    )

    subprocess.run(
        [DEMO, "start"],
        check=True,
        timeout=DEADLINE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    check_soon(first.state, "open", "the page opens a socket again by itself")
    check_soon(first.bubble, "1", "and learns what it missed meanwhile")
    check(first.marked(), "without being loaded again")

    for tab in (second, other):
        tab.run("window.dispatchEvent(new Event('online'))")
        check_soon(tab.state, "open", "so do those whose network came back")


def nothing_is_missed_between_query_and_socket(alice, first):
    proxy = Proxy()
    tab = alice.open_at(proxy.site + "/")
    check_soon(tab.state, "open", "a page on a slow line opens its socket")
    count = int(tab.bubble())

    def load():
        loading = threading.Thread(
            target=tab.driver.get, args=[proxy.site + "/"]
        )
        loading.start()
        return loading

    def tell():
        send_message("bob", "alice", "meanwhile")
        return count + 1

    # nginx knows the page's id, Django has not asked its database yet
    stop_django(signal.SIGSTOP)
    try:
        loading = load()
        check_soon(
            lambda: waits_for_django() > 0, True, "a request waits for Django"
        )
        count = tell()
    finally:
        stop_django(signal.SIGCONT)
    loading.join()
    check_soon(tab.state, "open", "the page comes at last")
    check_soon(tab.bubble, str(count), "a message from before the query")

    # Django has counted, the browser has no page yet
    seen = proxy.hold("/")
    loading = load()
    check_soon(lambda: proxy.seen["/"] > seen, True, "a page is on its way")
    count = tell()
    proxy.release("/")
    loading.join()
    check_soon(tab.bubble, str(count), "a message between query and page")

    # the page is there, its socket is not open
    seen = proxy.hold("/client")
    load().join()
    check_soon(
        lambda: proxy.seen["/client"] > seen, True, "a socket is on its way"
    )
    check(tab.bubble() == str(count), "the page has the count of its query")
    count = tell()
    proxy.release("/client")
    check_soon(tab.bubble, str(count), "a message between page and socket")
    check(proxy.seen["/unread/"] == 0, "and no page has asked for the count")

    # the connection breaks
    seen = proxy.hold("/client")
    tab.mark()
    proxy.cut()
    check_soon(
        lambda: proxy.seen["/client"] > seen, True, "a socket comes back"
    )
    count = tell()
    count = tell()
    proxy.release("/client")
    check_soon(tab.bubble, str(count), "two messages while there was none")
    check(tab.marked(), "the page was not loaded again")

    # it breaks again, and nginx never gets a push
    seen = proxy.hold("/client")
    proxy.cut()
    check_soon(
        lambda: proxy.seen["/client"] > seen, True, "a socket comes back again"
    )
    read_one_silently(1)
    count -= 1
    proxy.release("/client")
    check_soon(tab.bubble, str(count), "what no push has told")

    count = tell()
    check_soon(first.bubble, str(count), "the other tab agrees")
    tab.close()


def logging_out_closes_sockets(first, second, other, session):
    for tab in (first, second):
        tab.watch_opening()
    second.watch_close()
    push("DELETE", 1)
    check_soon(second.watched, 4403, "DELETE closes a socket with 4403")
    for tab in (first, second):
        check_soon(tab.opened, 1, "a page with a session opens it again")

    second.watch_close()
    first.find("#log-out").click()
    check_soon(second.watched, 4403, "logging out closes sockets with 4403")
    check_soon(second.state, "logged-out", "and the other tab gives up")
    check_soon(second.bubble, None, "and shows no bubble")
    check_soon(lambda: sockets(1), 0, "no socket of the user is left")
    check_soon(
        lambda: refused(Cookie=f"sessionid={session}"),
        401,
        "the session opens no socket any more",
    )
    check_soon(lambda: sockets(1), 0, "and no other has one")
    check(second.opened() == 1, "and the page opened none")
    check(other.state() == "open", "another user's socket is still open")
    check(other.bubble() == "1", "with the bubble as it was")


def main():
    alice, bob = Browser(), Browser()
    try:
        first = alice.log_in("alice", "alice-demo")
        second = alice.open("/")
        other = bob.log_in("bob", "bob-demo")

        bubble_moves(alice, bob, first, second, other)
        marking_as_read_hides_it(first, second)
        session = alice.session()
        socket_is_of_the_session(alice)
        count_comes_back_with_the_socket(first, second, other)
        nothing_is_missed_between_query_and_socket(alice, first)
        logging_out_closes_sockets(first, second, other, session)
    finally:
        alice.quit()
        bob.quit()


if __name__ == "__main__":
    main()
