package dossier

// readme stands in every dossier. It claims nothing that the reader cannot do.
const readme = `CUSTODY DOSSIER

This is a BagIt bag (RFC 8493). It shows the record of one case or of some of
its items, up to the log head in data/log/checkpoint.txt. data/scope.json says
which chains are promised to be complete up to there.

  data/events/      one Sigstore bundle (v0.3) for each event, named by log index
  data/log/         the log's founding document, its signed head, consistency proofs
  data/keys/        the public key of every signer, named by SHA-256 of its SPKI
  data/documents/   founding documents (cases, items, people, organisations)
  data/details/     personal and free-text fields; each may be withheld
  data/blocks/      RFC 6962 leaf hashes of each artifact's blocks of 8 MiB
  data/attachments/ files that the log records as issued

WITH THE VERIFIER (checks everything below, and the rules of custody):
  custody verify --policy TRUST.json DOSSIER.zip [--artifact IMAGE]
The policy must not come from this dossier: make it from what the organisations
themselves publish, and compare fingerprints with them.

WITH STOCK TOOLS:
1. That no file was changed since the bag was made (not who made it):
     sha256sum -c tagmanifest-sha256.txt && sha256sum --quiet -c manifest-sha256.txt
2. That an event was signed by a key (K is signer.key in its payload):
     cosign verify-blob-attestation --key data/keys/K.pem --bundle data/events/N.sigstore.json \
       --type https://evidence-custody.github.io/custodyd/event/v1 --insecure-ignore-tlog --check-claims=false FILE
   or, without cosign, with PAE = "DSSEv1 28 application/vnd.in-toto+json LEN " + payload:
     openssl dgst -sha256 -verify data/keys/K.pem -signature SIG PAE
3. That an image is the one deposited:
     sha256sum IMAGE
   and compare with subject and body.artifact.sha256 of its artifact.deposited.

WHAT THIS DOES NOT SHOW: what happened before the seizure; reads outside the
service; that no later event exists beyond the head; times other than as claims,
unless timestamps are present and were checked.
`
