"""Runs onnx.checker over every .onnx file of a folder (as upgrade-equivalence.mjs --write leaves them) and counts.

Usage: python scripts/onnx/check-models.py <folder>
"""

import pathlib
import sys

import onnx

passed, failed = 0, 0
for path in sorted(pathlib.Path(sys.argv[1]).glob('*.onnx')):
    try:
        onnx.checker.check_model(onnx.load(path), full_check=True)
        passed += 1
    except Exception as error:  # noqa: BLE001 - every failure is a finding to print
        failed += 1
        print(f'{path.stem}: {" ".join(str(error).split())[:300]}')
print(f'{passed} valid, {failed} not')
