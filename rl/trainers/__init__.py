"""The trainers: GRPO and supervised fine-tuning on top of TRL's, with what they need."""
