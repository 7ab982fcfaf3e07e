"""Run beside axolotl's own code: whether its schema takes a data set, and what it trains on.

Arguments: the folder of a tokenizer, then options of a data set as JSON with the file as `path`.
Prints for every row its text, and the part of it that is trained on.
"""

import json
import sys

from axolotl.prompt_strategies.chat_template import load
from axolotl.utils.dict import DictDefault
from axolotl.utils.schemas.datasets import SFTDataset
from datasets import load_dataset
from transformers import AutoTokenizer

folder, cache, described = sys.argv[1:]
options = SFTDataset.model_validate(json.loads(described))
tokenizer = AutoTokenizer.from_pretrained(folder)
settings = DictDefault({"train_on_inputs": False, "sequence_len": 8192})
strategy = load(tokenizer, settings, ds_cfg=options.model_dump(exclude_none=True))
rows = load_dataset(options.ds_type, data_files=options.path, split="train", cache_dir=cache)
found = []
for row in rows:
    tokens = strategy.tokenize_prompt(dict(row))
    pairs = zip(tokens["input_ids"], tokens["labels"], strict=True)
    trained = [token for token, label in pairs if label != -100]
    found.append([tokenizer.decode(tokens["input_ids"]), tokenizer.decode(trained)])
print(json.dumps(found))
