// Package bridge lets packages of this module reach what public types hide.
//
// The public packages mention no internal types in their exported signatures.
// The learning packages nevertheless run on the same device and the same tensors
// as the backbone and the adapter. Each function below is set by the package that
// owns the public type.
package bridge

import (
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/internal/towers"
)

var (
	// Towers returns the towers, device and lock of a *clip.Model. Package clip sets it.
	Towers func(model any) *towers.Model

	// Params returns the learned tensors of an *adapter.Adapter. Package adapter sets it.
	Params func(adapter any) *nn.Params
)
