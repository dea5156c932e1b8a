"""What an architecture costs."""

from search_space.cost.count import Counts, count_module
from search_space.cost.network import Costs, StageCosts, network_costs

__all__ = ["Costs", "Counts", "StageCosts", "count_module", "network_costs"]
