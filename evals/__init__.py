"""Everything a person runs: benchmark runs, statistics, reports and the command line."""
