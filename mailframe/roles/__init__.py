"""What a node does: `mx`, `relay`, `store`. Roles choose concrete classes and connect them, nothing else."""
