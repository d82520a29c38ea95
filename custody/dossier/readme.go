package dossier

// readme stands in every dossier. It claims nothing that the reader cannot do:
// a test runs its indented commands. It is part of the format, as every byte
// is: another text would be another format, whose reader must still know this
// one.
const readme = `CUSTODY DOSSIER

This is a BagIt bag (RFC 8493). It shows the record of one case or of some of
its items, up to the log head in data/log/checkpoint.txt. data/scope.json says
which chains are promised to be complete up to there.

  data/events/      one Sigstore bundle (v0.3) for each event, named by log index
  data/log/         the log's founding document, its signed head, consistency proofs;
                    where there are any, timestamps (times/) of that head or of an
                    older one (checkpoints/)
  data/proofs/      where there are any: each event as a C2SP tlog-proof
  data/keys/        the public key of every signer, named by SHA-256 of its SPKI
  data/documents/   founding documents (cases, items, people, organisations)
  data/details/     personal and free-text fields; each may be withheld
  data/blocks/      RFC 6962 leaf hashes of each artifact's blocks of 8 MiB
  data/attachments/ files that the log records as issued

WITH THE VERIFIER (checks everything below, and the rules of custody):
  custody verify --policy TRUST.json DOSSIER.zip --artifact IMAGE
The policy must not come from this dossier: make it from what the organisations
themselves publish, and compare fingerprints with them.

WITH STOCK TOOLS, in a shell, in the directory that the zip was unpacked into.
Set N to an event's number of 12 digits and K to signer.key of its payload.

1. That no file was changed since the bag was made (not who made it):
     sha256sum -c tagmanifest-sha256.txt && sha256sum --quiet -c manifest-sha256.txt

2. That event N was signed by key K (not whose key that is):
     sed 's/.*"payload":"\([^"]*\)".*/\1/' data/events/$N.sigstore.json | base64 -d > ../payload
     sed 's/.*"sig":"\([^"]*\)".*/\1/' data/events/$N.sigstore.json | base64 -d > ../sig
     (printf 'DSSEv1 28 application/vnd.in-toto+json %d ' $(wc -c < ../payload); cat ../payload) > ../pae
     openssl dgst -sha256 -verify data/keys/$K.pem -signature ../sig ../pae

3. That an image is the one an event is about: set D to its SHA-256, as
   sha256sum prints it, and compare with subject in the payload. cosign (3.1)
   does this together with 2:
     cosign verify-blob-attestation --key data/keys/$K.pem --bundle data/events/$N.sigstore.json --type https://evidence-custody.github.io/custodyd/event/v1 --insecure-ignore-tlog --digest $D --digestAlg sha256
   An event about no image has the digests of founding documents as subjects.

4. That the log included event N: put the log's public key (PEM, from the
   operator or from whoever watches the log, not from this dossier) into
   ../log.pem and set H to the first line of data/log/checkpoint.txt.
     cosign trusted-root create --rekor="url=https://$H,public-key=../log.pem,start-time=2020-01-01T00:00:00Z,origin=$H" --out ../root.json
     cosign verify-blob-attestation --key data/keys/$K.pem --bundle data/events/$N.sigstore.json --type https://evidence-custody.github.io/custodyd/event/v1 --trusted-root ../root.json --digest $D --digestAlg sha256

5. That the head existed at some time: put the certificates of the time-stamping
   authority, from itself, into ../tsa.pem, and set T to the name of a file in
   data/log/times and C to the checkpoint that it is of.
     head -n 3 $C > ../body
     openssl ts -verify -in data/log/times/$T -data ../body -CAfile ../tsa.pem

None of these tools contacts anyone. They check neither witnesses, nor the rules of
custody, nor that chains are complete, nor that K is the key named in the payload.

WHAT THIS DOES NOT SHOW: what happened before the seizure; reads outside the
service; that no later event exists beyond the head; times other than as claims,
unless timestamps are present and were checked.
`
