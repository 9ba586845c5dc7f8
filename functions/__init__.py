"""The functions of the lifecycle layer, one package each; they stand on coordination and on nothing else."""
