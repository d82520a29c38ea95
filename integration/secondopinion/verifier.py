#!/usr/bin/python3
"""A second verifier of custody dossiers, written from custody/SPEC.md and its vectors.

    verifier.py verify [--policy FILE] [--artifact FILE]... [--segments FILE,FILE...]... DOSSIER...   the result as JSON
    verifier.py vectors TESTDATA     what it finds of every vector, a line each
    verifier.py many                 a line of results for each line {"dossiers","policy","artifacts","sets"} of file names
"""
import argparse
import json
import os
import sys

import opinion
import policy
import vectors


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def result(dossiers, trust, artifacts, sets=()):
    verdict, code, findings = opinion.verify([read(d) for d in dossiers], policy.Policy(read(trust)) if trust else None, [read(a) for a in artifacts],
                                             [[(os.path.basename(f), read(f)) for f in files] for files in sets])
    return {'format': 'custody-verification/v1', 'verdict': verdict, 'exit': code, 'findings': findings}


def main():
    parser = argparse.ArgumentParser(description='A second verifier of custody dossiers.')
    modes = parser.add_subparsers(dest='mode', required=True)
    one = modes.add_parser('verify')
    one.add_argument('--policy')
    one.add_argument('--artifact', action='append', default=[])
    one.add_argument('--segments', action='append', default=[], help='files of one segmented image, in their order, with commas between')
    one.add_argument('dossiers', nargs='+')
    modes.add_parser('vectors').add_argument('testdata')
    modes.add_parser('many')
    args = parser.parse_args()
    if args.mode == 'vectors':
        for line in vectors.run(args.testdata):
            print(json.dumps(line))
    elif args.mode == 'many':
        for line in sys.stdin:
            v = json.loads(line)
            print(json.dumps(result(v['dossiers'], v.get('policy'), v.get('artifacts') or [], v.get('sets') or [])), flush=True)
    else:
        r = result(args.dossiers, args.policy, args.artifact, [s.split(',') for s in args.segments])
        print(json.dumps(r, indent=2))
        return r['exit']
    return 0


if __name__ == '__main__':
    sys.exit(main())
