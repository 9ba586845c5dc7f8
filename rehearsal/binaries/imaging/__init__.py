"""Machine images made by their components, as EC2 Image Builder makes them: an executor in the place of AWSTOE, and a
root in the place of the build instance."""
