"""Run by IBM's own Python: three parties of IBM's crypto library, each request and reply a file.

`ibm_crypto_parties.py FOLDER`: reads a line `PARTY ACTION NUMBER` from standard input, takes the request in
`FOLDER/NUMBER.in`, writes the reply to `FOLDER/NUMBER.out`, and prints `done`. The parties keep their keys.
"""

import importlib.util
import sys
from pathlib import Path

root = Path(importlib.util.find_spec("ibm_watson_machine_learning").origin).parent
sys.path.insert(0, str(root / "libs" / "ibmfl" / "runtime-23-1"))

from ibmfl.crypto.helayer.fhe import CryptoFHE  # noqa: E402
from ibmfl.crypto.keys_mng.crypto_keys_proto_party import CryptoKeysProtoParty  # noqa: E402
from ibmfl.message.message import Message  # noqa: E402
from ibmfl.model.model_update import ModelUpdate  # noqa: E402

folder = Path(sys.argv[1])
CONFIG = {
    "name": "CryptoFHE",
    "path": "ibmfl.crypto.helayer.fhe",
    "key_manager": {
        "name": "DistributionKeyManager",
        "path": "ibmfl.crypto.keys_mng.crypto_key_mng_dst",
        "key_mgr_info": {"distribution": {}},
    },
}


class Party:
    def __init__(self, name):
        self.cipher = CryptoFHE(CONFIG)
        files = {
            "ca_cert_file_path": str(folder / "ca.pem"),
            "my_cert_file_path": str(folder / f"{name}.pem"),
            "asym_key_file_path": str(folder / f"{name}.key"),
        }
        self.keys = CryptoKeysProtoParty(files, None, self.cipher)

    def REQUEST_CERT(self, payload):  # noqa: N802
        return self.keys.get_my_cert(payload)

    def GENERATE_KEYS(self, payload):  # noqa: N802
        return self.keys.generate_keys(payload)

    def SET_KEYS(self, payload):  # noqa: N802
        return self.keys.parse_keys(payload)

    def encrypt(self, payload):
        return self.cipher.encrypt(ModelUpdate(weights=payload["weights"]))

    def decrypt(self, payload):
        return {"weights": self.cipher.decrypt(payload["model_update"])["weights"]}


parties = {}
for line in sys.stdin:
    name, action, number = line.split()
    if name not in parties:
        parties[name] = Party(name)
    request = Message.deserialize((folder / f"{number}.in").read_bytes())
    result = getattr(parties[name], action)(request.get_data()["payload"])
    reply = Message(message_type=request.message_type, id_request=request.id_request, sender_info=name)
    reply.set_data({"status": "success", "payload": result})
    (folder / f"{number}.out").write_bytes(reply.serialize())
    print("done", flush=True)
