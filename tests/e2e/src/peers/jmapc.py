"""Asks our management API with jmapc, a JMAP client that knows nothing of us."""

import http.client
import json
import socket
import sys

from jmapc import Client, Ref, errors
from jmapc.methods import CoreEcho, CustomMethod

OBJECTS = "urn:stalwart:jmap"


class Local(http.client.HTTPConnection):
    """HTTP over the Unix socket, where the kernel says who we are."""

    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def token(path):
    connection = Local(path)
    calls = [["x:ApiToken/set", {"create": {"t": {"description": "jmapc", "role": "router"}}}, "0"]]
    body = json.dumps({"using": [OBJECTS], "methodCalls": calls})
    connection.request("POST", "/jmap", body, {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    return answer["methodResponses"][0][1]["created"]["t"]["secret"]


def call(method, **arguments):
    custom = CustomMethod(data=arguments)
    custom.jmap_method = method
    custom.using = {OBJECTS}
    return custom


path, host = sys.argv[1:]
client = Client.create_with_api_token(host, token(path))
assert client.account_id == "a", client.account_id
assert client.jmap_session.capabilities.core.max_calls_in_request == 64
assert OBJECTS in client.jmap_session.capabilities.urns

assert client.request(CoreEcho(data={"hello": "world"})).data == {"hello": "world"}

route = {"@type": "Relay", "name": "smarthost", "address": "192.0.2.25", "port": 587}
results = client.request(
    [
        call("x:MtaRoute/set", create={"r": route}),
        call("x:MtaRoute/query", filter={"name": "smarthost"}),
        call("x:MtaRoute/get", ids=["zz"]),
        call("x:MtaRoute/set", create={"again": route}),
    ]
)
made, found, missing, again = (result.response.data for result in results)
assert found["ids"] == [made["created"]["r"]["id"]], found
assert missing["notFound"] == ["zz"], missing
assert again["notCreated"]["again"]["type"] == "primaryKeyViolation", again

error = client.request(call("x:MtaRoute/burn"))
assert isinstance(error, errors.Error) and error.type == "unknownMethod", error
print("understood")
