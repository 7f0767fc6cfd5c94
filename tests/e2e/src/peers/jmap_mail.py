"""Reads, files, sends and is told of mail by JMAP with jmapc and websockets, which know nothing of us."""

import base64
import contextlib
import json
import ssl
import sys
import threading

import requests
from jmapc import (
    Address,
    Client,
    Email,
    EmailAddress,
    EmailBodyPart,
    EmailBodyValue,
    EmailQueryFilterCondition,
    EmailSubmission,
    Envelope,
    MailboxQueryFilterCondition,
    Ref,
    UndoStatus,
)
from jmapc.methods import (
    CustomMethod,
    EmailChanges,
    EmailGet,
    EmailQuery,
    EmailSet,
    EmailSubmissionGet,
    EmailSubmissionSet,
    IdentityGet,
    MailboxGet,
    MailboxQuery,
    MailboxSet,
    SearchSnippetGet,
    ThreadGet,
)
from websockets.sync.client import connect

host, certificate, sender, password, receiver, secret = sys.argv[1:]
sockets = contextlib.ExitStack()
# One client for each of two people.
ann = Client.create_with_password(host, sender, password)
bob = Client.create_with_password(host, receiver, secret)


def mailbox(client, role):
    ids = client.request(MailboxQuery(filter=MailboxQueryFilterCondition(role=role))).ids
    assert len(ids) == 1, (role, ids)
    return ids[0]


# Mailboxes.
drafts, sent, inbox = mailbox(ann, "drafts"), mailbox(ann, "sent"), mailbox(bob, "inbox")
results = ann.request([MailboxQuery(), MailboxGet(ids=Ref("/ids"))])
names = [box.name for box in results[1].response.data]
assert {"Inbox", "Drafts", "Sent"} <= set(names), names
made = ann.request(MailboxSet(create={"m": {"name": "Entwu\u0308rfe"}}))
folder = made.created["m"].id
assert made.created["m"].name == "Entw\u00fcrfe", made
again = ann.request(MailboxSet(create={"m": {"name": "Entw\u00fcrfe"}}))
assert again.not_created["m"].type == "invalidProperties", again

# The receiver listens in two ways before anything is sent.
told = threading.Event()
events = []


def listen():
    for event in bob.events:
        events.append(event)
        if bob.account_id in event.data.changed and event.data.changed[bob.account_id].email_delivery:
            told.set()
            return


threading.Thread(target=listen, daemon=True).start()
session = requests.get(
    f"https://{host}/.well-known/jmap", auth=(receiver, secret), verify=certificate, timeout=30
).json()
url = session["capabilities"]["urn:ietf:params:jmap:websocket"]["url"]


def web_socket(user, word):
    basic = base64.b64encode(f"{user}:{word}".encode()).decode()
    opened = connect(
        url,
        subprotocols=["jmap"],
        additional_headers={"Authorization": f"Basic {basic}"},
        ssl=ssl.create_default_context(cafile=certificate),
    )
    return sockets.enter_context(opened)


socket = web_socket(receiver, secret)
assert socket.subprotocol == "jmap"
request = {
    "@type": "Request",
    "id": "r1",
    "using": ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"],
    "methodCalls": [["Email/query", {"accountId": bob.account_id}, "0"]],
}
socket.send(json.dumps(request))
answer = json.loads(socket.recv(timeout=30))
assert (answer["@type"], answer["requestId"]) == ("Response", "r1"), answer
assert answer["methodResponses"][0][1]["ids"] == [], answer
socket.send(json.dumps({"@type": "WebSocketPushEnable", "dataTypes": ["Email", "EmailSubmission"]}))

# A draft is written and sent, and lies in Sent afterwards.
draft = Email(
    mail_from=[EmailAddress(name="Sender", email=sender)],
    to=[EmailAddress(name="Gr\u00fc\u00dfe", email=receiver)],
    subject="Lunch \u2014 gr\u00fc\u00dfe",
    keywords={"$draft": True, "$seen": True},
    mailbox_ids={drafts: True},
    body_values={"b": EmailBodyValue(value="At noon, by the old bridge.\n")},
    text_body=[EmailBodyPart(part_id="b", type="text/plain")],
)
identity = ann.request(IdentityGet()).data[0]
assert identity.email == sender, identity
results = ann.request(
    [
        EmailSet(create={"d": draft}),
        EmailSubmissionSet(
            create={
                "s": EmailSubmission(
                    email_id="#d",
                    identity_id=identity.id,
                    envelope=Envelope(mail_from=Address(email=sender), rcpt_to=[Address(email=receiver)]),
                )
            },
            on_success_update_email={
                "#s": {f"mailboxIds/{drafts}": None, f"mailboxIds/{sent}": True, "keywords/$draft": None}
            },
        ),
    ]
)
mail = results[0].response.created["d"].id
assert results[1].response.created["s"].undo_status == UndoStatus.FINAL, results
assert len(results) == 3 and mail in results[2].response.updated, results
now = ann.request(EmailGet(ids=[mail], properties=["mailboxIds", "keywords", "subject"])).data[0]
assert now.mailbox_ids == {sent: True} and now.keywords == {"$seen": True}, now

# The receiver is told in both ways, and reads it.
assert told.wait(60), events
change = json.loads(socket.recv(timeout=60))
assert change["@type"] == "StateChange" and "Email" in change["changed"][bob.account_id], change
results = bob.request(
    [
        EmailQuery(filter=EmailQueryFilterCondition(in_mailbox=inbox, text="bridge")),
        EmailGet(ids=Ref("/ids"), fetch_text_body_values=True),
        SearchSnippetGet(ids=Ref("/ids", method=0), filter=EmailQueryFilterCondition(text="bridge")),
        ThreadGet(ids=Ref("/list/*/threadId", method=1)),
    ]
)
read = results[1].response.data[0]
assert read.subject == "Lunch \u2014 gr\u00fc\u00dfe" and read.to[0].name == "Gr\u00fc\u00dfe", read
assert [value.value for value in read.body_values.values()] == ["At noon, by the old bridge.\n"], read
assert "<mark>bridge</mark>" in results[2].response.data[0].preview, results[2]
assert results[3].response.data[0].email_ids == [read.id], results[3]

# Two sessions of one account change one message, and neither undoes what the other did.
state = bob.request(EmailGet(ids=[])).state
junk = mailbox(bob, "junk")
other = Client.create_with_password(host, receiver, secret)
for client, patch in ((bob, {"keywords/$seen": True, f"mailboxIds/{junk}": True}), (other, {"keywords/work": True})):
    assert read.id in client.request(EmailSet(update={read.id: patch})).updated
now = bob.request(EmailGet(ids=[read.id], properties=["mailboxIds", "keywords"])).data[0]
assert now.keywords == {"$seen": True, "work": True} and now.mailbox_ids == {inbox: True, junk: True}, now
assert bob.request(EmailChanges(since_state=state)).updated == [read.id]

# What is held can be taken back; what is not becomes final, and who waits is told.
socket = web_socket(sender, password)
socket.send(json.dumps({"@type": "WebSocketPushEnable", "dataTypes": ["EmailSubmission"]}))


def hold(seconds):
    held = Envelope(
        mail_from=Address(email=sender, parameters={"HOLDFOR": str(seconds)}),
        rcpt_to=[Address(email=receiver)],
    )
    submission = EmailSubmission(email_id=mail, identity_id=identity.id, envelope=held)
    made = ann.request(EmailSubmissionSet(create={f"h{seconds}": submission})).created[f"h{seconds}"]
    assert made.undo_status == UndoStatus.PENDING, made
    return made.id


def undo(submission):
    return ann.request(EmailSubmissionGet(ids=[submission])).data[0].undo_status


back = hold(600)
assert back in ann.request(EmailSubmissionSet(update={back: {"undoStatus": "canceled"}})).updated
assert undo(back) == UndoStatus.CANCELED
soon = hold(3)
# Made, taken back, made: whatever comes after that is the end of the hold, which nobody asked for.
while True:
    change = json.loads(socket.recv(timeout=30))
    assert "EmailSubmission" in change["changed"][ann.account_id], change
    # `undoStatus` is asked for over another way than the one that tells.
    if undo(soon) == UndoStatus.FINAL:
        break

# Whatever is wrong is said in the words of the standard.
assert ann.request(EmailGet(ids=["x1"])).not_found == ["x1"]
missing = ann.request(EmailSet(update={"x1": {"keywords/$seen": True}}))
assert missing.not_updated["x1"].type == "notFound", missing
assert ann.request(EmailSet(destroy=[mail])).destroyed == [mail]
assert ann.request(MailboxSet(destroy=[folder])).destroyed == [folder]
sockets.close()
print("understood")
