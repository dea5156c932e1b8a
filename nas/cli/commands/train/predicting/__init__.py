"""What ``nas predict`` tells of pictures, by the task that the network learned."""
