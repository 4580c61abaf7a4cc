import argparse
import json

from solution import VALUE

parser = argparse.ArgumentParser()
parser.add_argument("--scale", type=int)
print("scoring ...")
print(json.dumps({"cost": VALUE * parser.parse_args().scale}))
