"""What a storm needs to be judged: clients that record each call, and a checker of the history that they leave."""
