"""The records of ``--records records`` as a table, and its percentiles."""

from pathlib import Path

from closeshave.loadgen.convert import convert
from closeshave.loadgen.percentiles import percentiles

if __name__ == "__main__":
    converted = convert(Path("records"), Path("operations.parquet"))
    assert converted.reconciled, converted.blind
    for group in percentiles(Path("records")):
        print(group.region, group.kind, group.count, group.response_ns)
